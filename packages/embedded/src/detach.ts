/** Starting the system in the background, and waiting until it is ready. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lockFile } from '@vm-task/hypervisor/file-lock';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { makeFolder } from '@vm-task/shared/make-folder';
import type { Role } from '@vm-task/shared/roles';
import { openChildLog } from './child-log.ts';
import { cliMain } from './repository.ts';
import { readState, readStates, type SystemState } from './state.ts';

const pollMs = 50;
/** nats-server and four Node processes on a slow machine; what takes long (images) happens after readiness. */
const readyLimitMs = 120_000;

/** The state of the system on this home, or of one side, ready; started in the background where it is not up. @throws `not-ready`. */
export async function ensureUp(home: Home, onStart: () => void, role: Role = 'all'): Promise<SystemState> {
  const present = stateOf(home, role);
  if (present?.phase === 'ready') return present;
  onStart();
  makeFolders(home);
  // Of several commands that come at once, one starts the system, and the others wait for it.
  const lock = join(home.run, `start-${role}.lock`);
  await using _starting = await lockFile(lock, () => undefined, AbortSignal.timeout(readyLimitMs));
  const exited = stateOf(home, role) === null ? startDetached(home, role) : new Promise<never>(() => undefined);
  return await Promise.race([untilReady(home, () => stateOf(home, role)), exited]);
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
  const args = ['--disable-warning=ExperimentalWarning', cliMain, 'up', '--role', role, '--home', home.root];
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

async function untilReady(home: Home, read: () => SystemState | null): Promise<SystemState> {
  const end = performance.now() + readyLimitMs;
  for (;;) {
    const state = read();
    if (state?.phase === 'ready') return state;
    if (performance.now() > end) throw notReady(home, state);
    await delay(pollMs);
  }
}

function notReady(home: Home, state: SystemState | null): VmTaskError {
  const missing = state?.services.filter((service) => service.state !== 'ready').map((service) => service.name) ?? [];
  if (state?.role === 'host') {
    const hint = 'start the control side with ./vm-task up --role control';
    return new VmTaskError('not-ready', `only the hosts' side is up on ${home.root}; ${hint}`);
  }
  const what = missing.length === 0 ? 'the system is' : `${missing.join(', ')} are`;
  return new VmTaskError(
    'not-ready',
    `${what} not ready after ${readyLimitMs / 1000} s; the logs in ${home.logs} say why`,
  );
}
