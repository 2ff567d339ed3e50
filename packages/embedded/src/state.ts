/** What `up` says about itself in `run/system.json`, for `status`, `down` and every command that needs an address. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import { services } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import { z } from 'zod';
import { writePrivateFile } from './private-file.ts';

const processSchema = z.object({ pid: z.int(), startTicks: z.int() });

const stateSchema = z.object({
  supervisor: processSchema,
  phase: z.enum(['starting', 'ready', 'stopping']),
  nats: z.object({ url: z.string(), version: z.string(), pid: z.int().nullable() }).nullable(),
  services: z.array(
    z.object({
      name: z.enum(services),
      pid: z.int().nullable(),
      state: z.enum(['starting', 'ready', 'waiting', 'stopped']),
      restarts: z.int(),
      lastExit: z.string().nullable(),
    }),
  ),
});

export type SystemState = z.infer<typeof stateSchema>;
export type ServiceState = SystemState['services'][number];

function stateFile(home: Home): string {
  return join(home.run, 'system.json');
}

export function writeState(home: Home, state: SystemState): void {
  writePrivateFile(stateFile(home), `${JSON.stringify(state, null, 2)}\n`);
}

/** The state of the system that runs on this home, or null when none does. */
export function readState(home: Home): SystemState | null {
  let text: string;
  try {
    text = readFileSync(stateFile(home), 'utf8');
  } catch (error) {
    // ENOTDIR: there is no such folder, and nobody can make it; whoever tries says so.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  const parsed = stateSchema.safeParse(JSON.parse(text));
  if (!parsed.success || !isRunning(parsed.data.supervisor)) return null;
  return parsed.data;
}
