/** Starting the system in the background, and waiting until it is ready. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '@vm-task/hypervisor/file-lock';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { makeFolder } from '@vm-task/shared/make-folder';
import type { Role } from '@vm-task/shared/roles';
import { openChildLog } from './child-log.ts';
import { cliProgram } from './repository.ts';
import { readState, readStates, type SystemState } from './state.ts';
import { untilReady } from './until-ready.ts';

/** Whoever finds another one starting the system waits for it for so long: it gives up sooner where nothing moves. */
const startingLimitMs = 600_000;

/**
 * The state of the system on this home, or of one side, ready; started in the background where it is not up. `onWait` is
 * called with what is waited for, again when that changes. @throws `not-ready`.
 */
export async function ensureUp(home: Home, onWait: (what: string) => void, role: Role = 'all'): Promise<SystemState> {
  const read = () => stateOf(home, role);
  const present = read();
  if (present?.phase === 'ready') return present;
  makeFolders(home);
  // Of several commands that come at once, one starts the system, and the others wait for it.
  const lock = join(home.run, `start-${role}.lock`);
  const onLocked = () => onWait('waiting for another command that starts it');
  await using _starting = await lockFile(lock, onLocked, AbortSignal.timeout(startingLimitMs));
  const exited = read() === null ? startDetached(home, role) : new Promise<never>(() => undefined);
  return await Promise.race([untilReady(home, read, onWait), exited]);
}

function stateOf(home: Home, role: Role): SystemState | null {
  if (role === 'all') return readState(home);
  return readStates(home).find((state) => state.role === role) ?? null;
}

/** Rejects with what the supervisor said last when it ends before it is ready, but for an `up` that somebody else gave. */
function startDetached(home: Home, role: Role): Promise<never> {
  const logFile = join(home.logs, role === 'all' ? 'up.log' : `up-${role}.log`);
  const saidBefore = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const log = openChildLog(logFile);
  const args = ['--disable-warning=ExperimentalWarning', cliProgram, 'up', '--role', role, '--home', home.root];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log.input, log.input] });
  log.handedOver();
  child.unref();
  return new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', async () => {
      await log.stored();
      const last = lastWords(logFile, saidBefore);
      if (!last.endsWith('(already-up)')) reject(new VmTaskError('not-ready', last));
    });
  });
}

function makeFolders(home: Home): void {
  try {
    makeFolder(home.root, 0o711);
    for (const folder of [home.logs, home.run]) makeFolder(folder, 0o700);
  } catch (error) {
    throw new VmTaskError(
      'home-unusable',
      `the home ${home.root} cannot be written (${(error as Error).message}); set VM_TASK_HOME to a folder that can`,
      { cause: error },
    );
  }
}

function lastWords(logFile: string, saidBefore: number): string {
  const bytes = readFileSync(logFile);
  const lines = bytes.subarray(Math.min(saidBefore, bytes.length)).toString('utf8').trim().split('\n');
  const last = lines.at(-1)?.replace(/^vm-task: /, '') ?? '';
  return last === '' ? `the system ended before it was ready; see ${logFile}` : last;
}
