/** A connection whose credentials were replaced logs in with the new ones: what was before may hold for a short time only. */
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Connection } from './connection.ts';

const lookEveryMs = 1_000;

/** Until `stop`. What is asked meanwhile has an unknown outcome, as after every reconnect. */
export async function loginAnew(
  { nc }: Pick<Connection, 'nc'>,
  file: string,
  stop: AbortSignal,
  log: Logger,
): Promise<void> {
  let seen = versionOf(file);
  while (!stop.aborted) {
    await delay(lookEveryMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
    const now = versionOf(file);
    if (stop.aborted || now === null || now === seen) continue;
    seen = now;
    log.info({ file }, 'the credentials were replaced; logging in anew');
    await nc.reconnect().catch((err: Error) => log.warn({ err }, 'could not log in anew'));
  }
}

/** Files are replaced as a whole, so each has an inode of its own; null while there is none. */
function versionOf(file: string): string | null {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.ino}/${found.mtimeMs}`;
}
