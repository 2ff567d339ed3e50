/**
 * `vm-task up`: nats-server and the four services of one home as children of this process. It ends with everything
 * stopped and every VM of the home gone, whether it is asked to (SIGTERM, SIGINT, `vm-task down`) or cannot go on.
 *
 * | file | role |
 * |---|---|
 * | `broker.ts`, `broker-config.ts`, `supervise-broker.ts`, `disk-watch.ts` | nats-server: configured, started, restarted |
 * | `child.ts`, `service-command.ts` | a service as a child: started again whenever it ends |
 * | `board.ts`, `state.ts` | what `up` says of itself in `run/system.json` |
 * | `detach.ts`, `stop.ts`, `processes.ts` | up in the background; nothing left running |
 * | `home-client.ts`, `http-token.ts`, `private-file.ts` | the home's HTTP API: where it is, its token |
 * | `audit-home.ts`, `quarantined.ts` | what a home's commands ask of reaper and ledger |
 * | `repository.ts` | where this checkout's parts are |
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { serverProgram } from '@vm-task/bus/streams';
import { type FileLock, lockFile } from '@vm-task/hypervisor/file-lock';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { type ServiceName, services } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import { type Board, createBoard } from './board.ts';
import { requireBrokerProgram } from './broker.ts';
import { superviseChild } from './child.ts';
import { makeHttpToken } from './http-token.ts';
import { servicesFolder } from './repository.ts';
import { serviceArguments } from './service-command.ts';
import type { SystemState } from './state.ts';
import { destroyVms, stopProcesses } from './stop.ts';
import { superviseBroker } from './supervise-broker.ts';

/** A service drains for at most 20 s; then it is given a little time to say so. */
const serviceGraceMs = 25_000;
const brokerGraceMs = 10_000;

export interface UpOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
  /** Aborted when the system is to stop. */
  readonly stop: AbortSignal;
  /** Called when everything is ready, and when it no longer is. */
  readonly onChange: (state: SystemState) => void;
}

/** Runs the system until `stop`. Thrown: `already-up`, `broker-too-old`, `home-unusable`, and what stopping met. */
export async function runSystem(options: UpOptions): Promise<void> {
  const { home } = options.environment;
  await requireBrokerProgram(serverProgram);
  makeHome(home);
  await using _lock = await claimHome(home, options.stop);
  await stopProcesses(home, brokerGraceMs);
  readHostId(home);
  makeHttpToken(home);
  const board = createBoard(home, options.onChange);
  const failed = new AbortController();
  const stop = AbortSignal.any([options.stop, failed.signal]);
  try {
    await superviseAll(options, board, stop, (error) => failed.abort(error));
  } finally {
    board.update({ phase: 'stopping' });
    try {
      await destroyVms(options.environment, options.config);
    } finally {
      rmSync(join(home.run, 'system.json'), { force: true });
    }
  }
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** nats-server outlives the services: what they still append while draining is stored. */
async function superviseAll(
  options: UpOptions,
  board: Board,
  stop: AbortSignal,
  fail: (error: unknown) => void,
): Promise<void> {
  const brokerStop = new AbortController();
  const { environment, config } = options;
  const scope = { host: readHostId(environment.home), pools: Object.keys(config.pools) };
  const broker = superviseBroker(environment.home, scope, config.nats.port, board, brokerStop.signal);
  try {
    await Promise.race([broker.answering, aborted(stop)]);
    if (!stop.aborted) await superviseServices(options, board, stop);
  } catch (error) {
    fail(error);
  } finally {
    brokerStop.abort();
    await broker.gone;
  }
}

async function superviseServices(options: UpOptions, board: Board, stop: AbortSignal): Promise<void> {
  const { home } = options.environment;
  const supervise = (name: ServiceName) =>
    superviseChild(
      {
        name,
        command: process.execPath,
        args: serviceArguments(join(servicesFolder, name, 'src', 'main.ts'), home),
        logFile: join(home.logs, `${name}.log`),
        ready: 'line',
      },
      { stop, graceMs: serviceGraceMs, report: (report) => board.updateService({ name, ...report }) },
    );
  await Promise.all(services.map(supervise));
}

function makeHome(home: Home): void {
  try {
    // Others may pass through, not look: QEMU runs under uids of its own inside.
    mkdirSync(home.root, { recursive: true, mode: 0o711 });
    for (const folder of [home.run, home.logs, home.credentials, home.secrets]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw new VmTaskError(
      'home-unusable',
      `the home ${home.root} cannot be written (${(error as Error).message}); set VM_TASK_HOME to a folder that can`,
      { cause: error },
    );
  }
}

/** One supervisor per home: the kernel holds the lock for as long as this process lives. */
async function claimHome(home: Home, signal: AbortSignal): Promise<FileLock> {
  const taken = new AbortController();
  const onWait = () =>
    taken.abort(new VmTaskError('already-up', `vm-task is up already on ${home.root}; see ./vm-task status`));
  try {
    return await lockFile(join(home.run, 'up.lock'), onWait, AbortSignal.any([signal, taken.signal]));
  } catch (error) {
    throw taken.signal.aborted ? taken.signal.reason : error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
