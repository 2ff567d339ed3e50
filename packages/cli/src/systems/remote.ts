/** Where a system on another machine is, and what its commands are sent with. */
import { VmTaskError } from '@vm-task/shared/errors';

export interface Remote {
  /** As `serverUrl` gives it. */
  readonly url: string;
  readonly token: string;
  /** What the server's certificate has to lead to, as PEM; null for the authorities that Node knows. */
  readonly ca: string | null;
}

/**
 * The address of a system, as its API's paths are put behind it. Without TLS the token could be read on its way, so only this
 * machine may be at the other end.
 *
 * @throws `invalid-request`
 */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const refuse = (why: string) => new VmTaskError('invalid-request', `${JSON.stringify(text)} ${why}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw refuse('is no address such as https://vm.example:7788');
  if (url.username !== '' || url.password !== '')
    throw refuse('must not have a user or a password: the token is given apart');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw refuse('must end with its host and port');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw refuse('must begin with https://: without TLS the token could be read on its way');
  return url.origin;
}

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
