/** Whether a certificate can go on being used, by Node alone. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

export interface Wanted {
  /** PEM: the key that it has to be of. */
  readonly key: string;
  readonly now: Date;
  /** So long it has to last. */
  readonly leftMs: number;
  /** Host names and addresses that it has to be for. */
  readonly names?: readonly string[];
  /** PEM: who has to have signed it. */
  readonly authority?: string;
}

/** @throws when `certificate` or `key` is no PEM of its kind. */
export function isGood(certificate: string, { key, now, leftMs, names = [], authority }: Wanted): boolean {
  const found = new X509Certificate(certificate);
  if (!found.checkPrivateKey(createPrivateKey(key))) return false;
  if (found.validFromDate > now || found.validToDate.getTime() - now.getTime() < leftMs) return false;
  if (authority !== undefined && !found.verify(new X509Certificate(authority).publicKey)) return false;
  return names.every((name) => (isIP(name) === 0 ? found.checkHost(name) : found.checkIP(name)) !== undefined);
}
