/** Where ssh2's errors become ours. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { guestText } from './guest-text.ts';

const place = (access: VmAccess) => `${access.user}@${access.host}:${access.port}`;

/** Why there is no connection. */
export function connectError(access: VmAccess, error: Error & { level?: string }): VmTaskError {
  if (error.level === 'client-authentication') {
    const message = `${place(access)} does not accept the key; its authorized_keys lacks the key that goes with this VM`;
    return new VmTaskError('ssh-auth-failed', message, { cause: error });
  }
  const message = `${place(access)} did not complete an SSH login: ${error.message || errorCode(error)}`;
  return new VmTaskError('ssh-unreachable', message, { cause: error });
}

export function hostKeyMismatch(access: VmAccess, presented: string): VmTaskError {
  return new VmTaskError(
    'ssh-host-key-mismatch',
    `${place(access)} answered with the host key ${presented}, not with ${access.hostKey}: this is not the machine that was made; nothing was sent to it`,
  );
}

/** Why a connection that was there ended before what was asked of it. */
export function lostError(access: VmAccess, cause: Error | null): VmTaskError {
  const why = cause === null ? 'it was closed by the other side' : cause.message || errorCode(cause);
  return new VmTaskError('ssh-lost', `the connection to ${place(access)} ended: ${why}`, { cause });
}

/** True for what no network does to a connection that is encrypted: the server sent what nobody can read. */
export function breaksProtocol(error: Error & { level?: string; code?: unknown }): boolean {
  // A farewell of the server has a number and no level; what reading its bytes threw has neither.
  return error.level === 'protocol' || (error.level === undefined && error.code === undefined);
}

export function protocolError(access: VmAccess, cause: Error): VmTaskError {
  const message = `the SSH server of ${place(access)} broke the protocol: ${guestText(cause.message)}`;
  return new VmTaskError('guest-failed', message, { cause });
}

/** Errors of several addresses tried at once have an empty message. */
function errorCode(error: Error & { code?: string }): string {
  return error.code ?? error.name;
}
