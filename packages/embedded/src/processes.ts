/** The processes of a home: found by their command lines, and stopped. A pid that is used again is never taken for ours. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, processRef } from '@vm-task/hypervisor/ledger/process-ref';
import type { ProcessRef } from '@vm-task/hypervisor/ledger/vm-record';
import type { Home } from '@vm-task/shared/home';
import { type Role, services, servicesOfRole, works } from '@vm-task/shared/roles';

/** Services and nats-servers of this home and role: their command lines name the home as an argument of its own. */
export function processesOf(home: Home, role: Role = 'all'): readonly ProcessRef[] {
  return processesThat((args) => belongsTo(home, role, args));
}

/**
 * The nats-server of this home, if it runs, reads its configuration and its certificate again. It is not asked by a connection:
 * nobody gets one while its certificate has ended.
 */
export function reloadBroker(home: Home): void {
  for (const server of processesThat((args) => args.includes(brokerConfigFile(home)))) signalProcess(server, 'SIGHUP');
}

function brokerConfigFile(home: Home): string {
  return join(home.nats, 'nats.conf');
}

function processesThat(match: (args: readonly string[]) => boolean): readonly ProcessRef[] {
  const found: ProcessRef[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !match(argumentsOf(pid))) continue;
    const ref = processRef(pid);
    if (ref !== null) found.push(ref);
  }
  return found;
}

/** What stores the logs of this home: each ends by itself, soon after those whose log it is. */
export function logWritersOf(home: Home): readonly ProcessRef[] {
  return processesThat((args) => {
    const program = args.findIndex((argument) => argument.endsWith('/log-writer.pl'));
    return program !== -1 && args[program + 1]?.startsWith(`${home.logs}/`) === true;
  });
}

/** A service's program, from the sources or from the bundle. */
const serviceProgram = new RegExp(`/services/(${services.join('|')})(?:/src/main\\.ts|\\.mjs)$`);

function belongsTo(home: Home, role: Role, args: readonly string[]): boolean {
  if (args.includes(brokerConfigFile(home))) return works(role, 'control');
  if (!args.includes(home.root)) return false;
  const name = args.map((argument) => serviceProgram.exec(argument)?.[1]).find((found) => found !== undefined);
  if (!servicesOfRole[role].some((service) => service === name)) return false;
  // Of a service that both sides have, the other side's stays.
  const own = args[args.indexOf('--role') + 1];
  return role === 'all' || own === 'all' || own === role;
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Sends the signal unless the process has ended. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (!isRunning(ref)) return;
  try {
    process.kill(ref.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const pollMs = 50;

/** True once the process is gone; false when it is still there after `limitMs`. */
export async function waitGone(ref: ProcessRef, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (isRunning(ref)) {
    if (performance.now() >= end) return false;
    await delay(pollMs);
  }
  return true;
}

/** SIGTERM, then SIGKILL after `graceMs`; resolves when the process is gone. */
export async function stopProcess(ref: ProcessRef, graceMs: number): Promise<void> {
  signalProcess(ref, 'SIGTERM');
  // A stopped process takes its SIGTERM only once it goes on.
  signalProcess(ref, 'SIGCONT');
  if (await waitGone(ref, graceMs)) return;
  signalProcess(ref, 'SIGKILL');
  await waitGone(ref, graceMs);
}
