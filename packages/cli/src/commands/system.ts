/** `up --detach`, `down` and `status`: the whole system of one home on this machine. */

import { readBrokerAddress } from '@vm-task/bus/credentials';
import { submitCreds } from '@vm-task/embedded/broker-config';
import { ensureUp } from '@vm-task/embedded/detach';
import { authorityFile } from '@vm-task/embedded/home-certificates';
import { findHttpUrl } from '@vm-task/embedded/home-client';
import { stopProcess } from '@vm-task/embedded/processes';
import { type QuarantinedVm, quarantinedVms, unreadableVms } from '@vm-task/embedded/quarantined';
import { isConfigAltered } from '@vm-task/embedded/running-config';
import { readState, readStates, type SystemState } from '@vm-task/embedded/state';
import { destroyVms, stopProcesses, untilLogsStored } from '@vm-task/embedded/stop';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import type { Home } from '@vm-task/shared/home';
import type { Role } from '@vm-task/shared/roles';
import { exitCodes } from '../exit-codes.ts';
import { note, print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { table } from '../screen/table.ts';
import { poolNote } from '../systems/home-system.ts';
import { type IsolationOptions, isolation, refusals } from './isolation.ts';

/** The supervisor itself drains services (25 s), destroys VMs and stops the broker (10 s). */
const downGraceMs = 90_000;
const leftoverGraceMs = 25_000;

export interface SystemOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
  readonly json: boolean;
}

/** One line for whoever watches `up`. */
export function summaryOf(home: Home, state: SystemState): string {
  const url = addressOf(home, state);
  if (url !== null) return `ready: ${url}, ${state.nats?.url}`;
  const failing = state.services.filter((service) => service.state === 'waiting');
  if (failing.length === 0) return isWaiting(state) ? waitingFor(home) : state.phase;
  const names = failing.map((service) => `${service.name} (${service.lastExit})`).join(', ');
  return `${names} ended and will be started again; logs are in ${home.logs}`;
}

function isWaiting({ role, phase, services }: SystemState): boolean {
  return role === 'host' && phase === 'starting' && services.length === 0;
}

function waitingFor(home: Home): string {
  return `waiting for the control side of ${home.root}; it starts with ./vm-task up --role control`;
}

/** Where intake listens; one that was killed has left its address behind, so only a ready system has one. */
function addressOf(home: Home, state: SystemState): string | null {
  return state.phase === 'ready' && state.role !== 'host' ? findHttpUrl(home) : null;
}

/** Starts the system, or one side of it, in the background; returns when that is ready. */
export async function upDetached({
  environment,
  config,
  json,
  role,
}: SystemOptions & { readonly role: Role }): Promise<void> {
  using progress = startProgress({ quiet: json });
  const state = await ensureUp(environment.home, (what) => progress.update(`starting the system, ${what}`), role);
  progress.clear();
  if (json) printJson(await statusOf({ environment, config }, state));
  else print(summaryOf(environment.home, state));
  for (const refusal of await refusals({ environment, config })) note(refusal);
}

/** Stops everything of the home, also what a killed supervisor has left behind. */
export async function down({ environment, config, json }: SystemOptions): Promise<void> {
  using progress = startProgress({ quiet: json });
  progress.update('stopping: tasks in flight have a moment to finish');
  const states = readStates(environment.home);
  // Hosts first: what they still tell is stored.
  const inOrder = [...states].sort((a, b) => Number(b.role === 'host') - Number(a.role === 'host'));
  for (const { supervisor } of inOrder) await stopProcess(supervisor, downGraceMs);
  const processes = await stopProcesses(environment.home, leftoverGraceMs);
  const vms = await destroyVms(environment, config);
  await untilLogsStored(environment.home);
  progress.clear();
  if (json) printJson({ wasUp: states.length > 0, leftovers: { processes, vms } });
  else print(states.length === 0 && processes + vms === 0 ? 'nothing was running' : 'stopped; nothing is left running');
}

/** Exits with 1 when the system is not up and ready. */
export async function status({ environment, config, json }: SystemOptions): Promise<number> {
  const state = readState(environment.home);
  const quarantined = await quarantinedVms(environment, config);
  const unreadable = await unreadableVms(environment, config);
  const configAltered = isConfigAltered(environment.home);
  if (json) printJson({ ...(await statusOf({ environment, config }, state)), configAltered, quarantined, unreadable });
  else {
    await printStatus({ environment, config }, state);
    if (configAltered) print(alteredNote);
    if (state !== null) printNotes(environment.home, Object.keys(config.pools));
    printQuarantined(quarantined);
    for (const { vm, why } of unreadable) print(`VM ${vm} is left alone, because it cannot be read: ${why}`);
  }
  return state?.phase === 'ready' ? 0 : exitCodes.failed;
}

const alteredNote =
  'vm-task.yaml was altered since the system read it; ./vm-task down && ./vm-task up --detach makes it read it again';

async function statusOf(options: IsolationOptions, state: SystemState | null): Promise<object> {
  const { home } = options.environment;
  const lines = (await isolation(options)).join('. ');
  if (state === null) return { up: false, home: home.root, nats: null, http: null, services: [], isolation: lines };
  const { user, tls } = readBrokerAddress(home, 'submit');
  const url = addressOf(home, state);
  return {
    up: true,
    phase: state.phase,
    home: home.root,
    nats:
      state.nats === null
        ? null
        : { ...state.nats, ca: tls?.ca ?? null, submit: { user, credentials: submitCreds(home) } },
    http: url === null ? null : { url, ca: httpAuthority(options) },
    services: state.services,
    isolation: lines,
  };
}

/** The file of the home's authority, where the certificate of HTTP is of it. */
function httpAuthority({ environment: { home }, config }: IsolationOptions): string | null {
  return config.http.tls === true ? authorityFile(home) : null;
}

function provedBy(ca: string | null): string {
  return ca === null ? '' : `, whose certificate leads to ${ca}`;
}

async function printStatus(options: IsolationOptions, state: SystemState | null): Promise<void> {
  const { home } = options.environment;
  if (state === null) {
    print(`not up on ${home.root}; start with ./vm-task up --detach, or just run a task`);
    return;
  }
  print(`${state.phase} on ${home.root}`);
  const url = addressOf(home, state);
  if (url !== null) print(`HTTP ${url}${provedBy(httpAuthority(options))}`);
  if (state.nats !== null) {
    const { tls } = readBrokerAddress(home, 'submit');
    print(`NATS ${state.nats.url}, version ${state.nats.version}${provedBy(tls?.ca ?? null)}`);
  }
  const rows = state.services.map((s) => [s.name, s.state, s.pid, s.restarts, s.lastExit]);
  print(
    `\n${table(['service', 'state', 'pid', 'restarts', 'last exit'], rows)}\n\n${(await isolation(options)).join('\n')}`,
  );
}

function printQuarantined(vms: readonly QuarantinedVm[]): void {
  if (vms.length === 0) return;
  const rows = vms.map(({ vm, pool, since, left, nextTry }) => [vm, pool, since, left, nextTry]);
  print(`\nin quarantine, because not all of it could be removed; each keeps its place in its pool:`);
  print(table(['vm', 'pool', 'since', 'left', 'next try'], rows));
  print('Once what is left can be removed, it goes by itself: docs/operating.md');
}

/** Why tasks of a pool wait: what is being made for it, or that its named VM is away. */
function printNotes(home: Home, pools: readonly string[]): void {
  for (const pool of pools) {
    const told = poolNote(home, pool);
    if (told !== null) print(`pool ${pool}: ${told}`);
  }
}
