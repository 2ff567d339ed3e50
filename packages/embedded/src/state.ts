/**
 * What `up` says about itself in the home's `run`, for `status`, `down` and every command that needs an address: in
 * `system.json`, or in `system-control.json` and `system-host.json` where each side has an `up` of its own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Home } from '@vm-task/shared/home';
import { type Role, roles, services } from '@vm-task/shared/roles';
import { openEnum, tolerant } from '@vm-task/shared/tolerant';
import { z } from 'zod';

const processSchema = z.object({ pid: z.int(), startTicks: z.int() });

const stateSchema = z.object({
  supervisor: processSchema,
  role: z.enum(['all', 'control', 'host']),
  phase: openEnum(['starting', 'ready', 'stopping']),
  nats: z.object({ url: z.string(), version: z.string(), pid: z.int().nullable() }).nullable(),
  services: z.array(
    z.object({
      name: openEnum(services),
      pid: z.int().nullable(),
      state: openEnum(['starting', 'ready', 'waiting', 'stopped']),
      restarts: z.int(),
      lastExit: z.string().nullable(),
    }),
  ),
});

export type SystemState = z.infer<typeof stateSchema>;
export type ServiceState = SystemState['services'][number];

export function stateFile(home: Home, role: Role): string {
  return join(home.run, role === 'all' ? 'system.json' : `system-${role}.json`);
}

export function writeState(home: Home, state: SystemState): void {
  writePrivateFile(stateFile(home, state.role), `${JSON.stringify(state, null, 2)}\n`);
}

/** Of each `up` that runs on this home: one, or one for each side. */
export function readStates(home: Home): readonly SystemState[] {
  return roles.map((role) => readOne(home, role)).filter((state) => state !== null);
}

/**
 * The state of the system that runs on this home, both sides together, or null when none does. It is ready when all of it
 * is that is up; without the control side nothing can be asked of it, so it is starting.
 */
export function readState(home: Home): SystemState | null {
  const states = readStates(home);
  const [first] = states;
  if (first === undefined || states.length === 1)
    return first?.role === 'host' ? withoutControl(first) : (first ?? null);
  return {
    supervisor: first.supervisor,
    role: 'all',
    phase: phaseOf(states.map(({ phase }) => phase)),
    nats: states.find(({ nats }) => nats !== null)?.nats ?? null,
    services: states.flatMap((state) => state.services),
  };
}

function withoutControl(state: SystemState): SystemState {
  return { ...state, phase: state.phase === 'stopping' ? 'stopping' : 'starting' };
}

function phaseOf(phases: readonly SystemState['phase'][]): SystemState['phase'] {
  if (phases.includes('stopping')) return 'stopping';
  return phases.includes('starting') ? 'starting' : 'ready';
}

function readOne(home: Home, role: Role): SystemState | null {
  let text: string;
  try {
    text = readFileSync(stateFile(home, role), 'utf8');
  } catch (error) {
    // ENOTDIR: there is no such folder, and nobody can make it; whoever tries says so.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  const parsed = tolerant(stateSchema).safeParse(JSON.parse(text));
  return parsed.success && isRunning(parsed.data.supervisor) ? parsed.data : null;
}
