/** Waiting for a system that starts: as long as something moves, however much it has to read. */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSecondsOf } from '@vm-task/hypervisor/host/process-cpu';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { type Signs, watchMoves } from './moves.ts';
import type { SystemState } from './state.ts';

const pollMs = 50;
/** Far longer than nats-server and four Node processes need to begin on a slow machine. */
const stillLimitMs = 120_000;

/** @throws `not-ready` when nothing has moved for two minutes. */
export async function untilReady(
  home: Home,
  read: () => SystemState | null,
  onWait: (what: string) => void,
): Promise<SystemState> {
  const stillMs = watchMoves();
  let told = '';
  for (;;) {
    const state = read();
    if (state?.phase === 'ready') return state;
    const what = waitingFor(state);
    if (what !== told) onWait(what);
    told = what;
    if (stillMs(signsOf(state), performance.now()) > stillLimitMs) throw notReady(home, state);
    await delay(pollMs);
  }
}

/** What those that are not ready do, unless they have failed before: who ends again and again gets nowhere. */
function signsOf(state: SystemState | null): Signs {
  const unready = state?.services.filter((service) => service.state !== 'ready') ?? [];
  const ready = state?.services.filter((service) => service.state === 'ready').map(({ name }) => name) ?? [];
  const broker = state?.nats?.version === '' ? [state.nats.pid] : [];
  const pids = [...broker, ...unready.filter(({ restarts }) => restarts === 0).map(({ pid }) => pid)];
  const steps = [state?.phase, state?.nats?.version, ...ready].join(' ');
  return { steps, cpuSeconds: new Map(pids.flatMap((pid) => (pid === null ? [] : cpuOf(pid)))) };
}

/** None for a process that has just ended. */
function cpuOf(pid: number): [pid: number, seconds: number][] {
  try {
    return [[pid, cpuSecondsOf(pid)]];
  } catch {
    return [];
  }
}

export function waitingFor(state: SystemState | null): string {
  if (state === null) return 'waiting for its supervisor';
  if (state.role !== 'host' && (state.nats?.version ?? '') === '') {
    return 'waiting for nats-server, which reads what is stored';
  }
  const missing = missingIn(state);
  return `waiting for ${missing.length === 0 ? 'the control side' : missing.join(', ')}`;
}

function missingIn(state: SystemState): string[] {
  return state.services.filter((service) => service.state !== 'ready').map(({ name }) => name);
}

function notReady(home: Home, state: SystemState | null): VmTaskError {
  if (state?.role === 'host') {
    const hint = 'start the control side with ./vm-task up --role control';
    return new VmTaskError('not-ready', `only the hosts' side is up on ${home.root}; ${hint}`);
  }
  const still = `nothing has moved for ${stillLimitMs / 1_000} s`;
  return new VmTaskError('not-ready', `${waitingFor(state)}, and ${still}; the logs in ${home.logs} say why`);
}
