/**
 * The authority of a home, and the certificates that it has signed: one for its broker, and one for HTTP where that is wanted.
 * Whoever has the authority's key can speak as the home's broker to every service of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGood, type Wanted } from '@vm-task/certificates/is-good';
import { writeDurablePrivateFile, writePrivateFile } from '@vm-task/service/private-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

const dayMs = 86_400_000;

/** Whoever was given the authority's certificate once has years to take the next one, which is of the same key. */
const authorityDays = { whole: 3_650, left: 1_825 };
/** Nobody but the home has these. */
const serverDays = { whole: 90, left: 30 };

const loopback = ['localhost', '127.0.0.1', '::1'];

/** The certificate of the home's authority, which may be given to everybody. */
export function authorityFile(home: Home): string {
  return join(home.credentials, 'ca.pem');
}

/** A server's certificate and its key, in one file, so that nobody ever sees one of them without the other. */
export function brokerCertificate(home: Home): string {
  return join(home.credentials, 'broker-certificate.pem');
}

/**
 * The authority and the broker's certificate are there and last for weeks: what is missing, of another authority or near its
 * end is made. Returns whether the broker has another certificate now.
 *
 * @throws `invalid-config` where a file cannot be used
 */
export async function renewBrokerCertificate(home: Home, as: 'where needed' | 'in any case' = 'where needed') {
  return renew(home, brokerCertificate(home), loopback, as);
}

/** As `renewBrokerCertificate`, for whoever reaches HTTP under these names and addresses besides the loopback. */
export async function renewHttpCertificate(home: Home, names: readonly string[]): Promise<boolean> {
  return renew(home, home.httpCertificate, [...new Set([...loopback, ...names])], 'where needed');
}

async function renew(
  home: Home,
  file: string,
  names: readonly string[],
  as: 'where needed' | 'in any case',
): Promise<boolean> {
  const now = new Date();
  const authority = await authorityOf(home, now);
  const found = readIfThere(file);
  const wanted = { now, leftMs: serverDays.left * dayMs, names, authority: authority.certificate };
  if (as === 'where needed' && found !== null && check(file, found, { ...wanted, key: found })) return false;
  const { issueCertificate, newKey } = await import('@vm-task/certificates/issue');
  const key = newKey();
  const certificate = await issueCertificate(authority, key, names, { days: serverDays.whole, now });
  writePrivateFile(file, `${certificate}${key}`);
  return true;
}

/** The key goes first: a certificate is made for the key that is there. */
async function authorityOf(home: Home, now: Date) {
  const [keyFile, file] = [join(home.credentials, 'ca-key.pem'), authorityFile(home)];
  const [foundKey, found] = [readIfThere(keyFile), readIfThere(file)];
  const wanted = { now, leftMs: authorityDays.left * dayMs };
  if (foundKey !== null && found !== null && check(file, found, { ...wanted, key: foundKey }))
    return { key: foundKey, certificate: found };
  const { issueAuthority, newKey } = await import('@vm-task/certificates/issue');
  const key = foundKey ?? newKey();
  if (foundKey === null) writeDurablePrivateFile(keyFile, key);
  const certificate = await issueAuthority(key, 'vm-task', { days: authorityDays.whole, now });
  writeDurablePrivateFile(file, certificate);
  return { key, certificate };
}

function check(file: string, certificate: string, wanted: Wanted): boolean {
  try {
    return isGood(certificate, wanted);
  } catch (error) {
    const message = `${file} or its key cannot be used (${(error as Error).message}); remove it, and ./vm-task up makes it anew`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
