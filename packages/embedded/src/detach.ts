/** Starting the system in the background, and waiting until it is ready. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Role } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import { cliMain } from './repository.ts';
import { readState, readStates, type SystemState } from './state.ts';

const pollMs = 50;
/** nats-server and four Node processes on a slow machine; what takes long (images) happens after readiness. */
const readyLimitMs = 120_000;

/** The state of the system on this home, or of one side, ready; started in the background where it is not up. @throws `not-ready`. */
export async function ensureUp(home: Home, onStart: () => void, role: Role = 'all'): Promise<SystemState> {
  const read = () => stateOf(home, role);
  const present = read();
  if (present?.phase === 'ready') return present;
  if (present === null) onStart();
  const exited = present === null ? startDetached(home, role) : new Promise<never>(() => undefined);
  return Promise.race([untilReady(home, read), exited]);
}

function stateOf(home: Home, role: Role): SystemState | null {
  if (role === 'all') return readState(home);
  return readStates(home).find((state) => state.role === role) ?? null;
}

/** Rejects with what the supervisor said last when it ends before it is ready. */
function startDetached(home: Home, role: Role): Promise<never> {
  makeLogFolder(home);
  const logFile = join(home.logs, role === 'all' ? 'up.log' : `up-${role}.log`);
  const log = openSync(logFile, 'w', 0o600);
  const args = ['--disable-warning=ExperimentalWarning', cliMain, 'up', '--role', role, '--home', home.root];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  return new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new VmTaskError('not-ready', lastWords(logFile))));
  });
}

function makeLogFolder(home: Home): void {
  try {
    mkdirSync(home.logs, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new VmTaskError(
      'home-unusable',
      `the home ${home.root} cannot be written (${(error as Error).message}); set VM_TASK_HOME to a folder that can`,
      { cause: error },
    );
  }
}

function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
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
