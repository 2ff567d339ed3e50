/** Which system a command speaks to: --home, else VM_TASK_URL, else VM_TASK_HOME, else the context in use, else the usual home. */
import { readFileSync } from 'node:fs';
import { type ClientEnvironment, readClientEnvironment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { readContexts } from './contexts.ts';
import { type Remote, serverUrl } from './remote.ts';

export interface ChosenRemote extends Remote {
  /** Where it was chosen, for people. */
  readonly says: string;
}

/**
 * Null for a home of this machine.
 *
 * @throws `invalid-request` for an address that is none; `invalid-config` for a file that cannot be used
 */
export function chooseRemote(
  isHomeGiven: boolean,
  environment: ClientEnvironment = readClientEnvironment(),
): ChosenRemote | null {
  if (isHomeGiven) return null;
  if (environment.url !== null) return fromVariables(environment.url, environment);
  if (environment.isHomeNamed) return null;
  const { current, contexts } = readContexts(environment.contexts);
  const remote = current === null ? undefined : contexts[current];
  return remote === undefined ? null : { ...remote, url: serverUrl(remote.url), says: `context ${current}` };
}

function fromVariables(url: string, { token, ca }: ClientEnvironment): ChosenRemote {
  if (token === null) {
    throw new VmTaskError(
      'invalid-config',
      'VM_TASK_URL is set and VM_TASK_TOKEN is not; set both, or run vm-task login',
    );
  }
  return { url: serverUrl(url), token, ca: ca === null ? null : readCa(ca), says: 'VM_TASK_URL' };
}

/** The certificate in the file, as PEM. @throws `invalid-config` */
export function readCa(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new VmTaskError('invalid-config', `the certificate ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (/^-----BEGIN CERTIFICATE-----$/m.test(text) && !text.includes('PRIVATE KEY')) return text;
  throw new VmTaskError(
    'invalid-config',
    `${file} has to be a certificate alone, as PEM; on the system it is that of http.tls.cert, or of its authority`,
  );
}
