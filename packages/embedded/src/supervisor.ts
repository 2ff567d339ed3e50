/**
 * `vm-task up`: nats-server and the four services of one home, or those of one side of it, as children of this process.
 * It ends with all of them stopped and, where it had VMs, every VM of the home gone, whether it is asked to (SIGTERM,
 * SIGINT, `vm-task down`) or cannot go on.
 *
 * | file | role |
 * |---|---|
 * | `broker.ts`, `broker-config.ts`, `supervise-broker.ts`, `disk-watch.ts` | nats-server: configured, started, restarted |
 * | `external-broker.ts` | a server of somebody else in its place |
 * | `home-certificates.ts`, `keep-certificates.ts` | the authority of the home, and what it has signed |
 * | `program-record.ts` | the nats-server that was set up is the one that is started |
 * | `supervise-services.ts`, `service-command.ts`, `running-config.ts` | the services, all with the one configuration |
 * | `child.ts`, `child-log.ts`, `log-writer.pl` | a child: started again whenever it ends; its log, with a limit |
 * | `watchdog.ts`, `report-blocked.ts` | a service whose event loop stands still is replaced |
 * | `board.ts`, `state.ts` | what `up` says of itself in the home's `run` |
 * | `await-broker.ts` | the hosts' side waits for the control side |
 * | `detach.ts`, `until-ready.ts`, `moves.ts` | up in the background, waited for as long as it gets on |
 * | `stop.ts`, `processes.ts` | nothing left running |
 * | `home-client.ts`, `http-token.ts` | the home's HTTP API: where it is, its token |
 * | `audit-home.ts`, `quarantined.ts` | what a home's commands ask of reaper and ledger |
 * | `repository.ts` | where this checkout's parts are |
 */
import { rmSync } from 'node:fs';
import { newHostKey, readHostKey } from '@vm-task/bus/host-key';
import { serverProgram } from '@vm-task/bus/streams';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import type { SystemConfig } from '@vm-task/service/config';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { makeFolder } from '@vm-task/shared/make-folder';
import { type Role, works } from '@vm-task/shared/roles';
import { awaitBroker } from './await-broker.ts';
import { type Board, createBoard } from './board.ts';
import { requireBrokerProgram } from './broker.ts';
import { claimSide } from './claim-side.ts';
import { externalPlace, useExternalBroker } from './external-broker.ts';
import { makeHttpToken } from './http-token.ts';
import { certifyHttp, keepCertificates } from './keep-certificates.ts';
import { runningConfigFile } from './running-config.ts';
import { type SystemState, stateFile } from './state.ts';
import { destroyVms, stopProcesses } from './stop.ts';
import { type SupervisedBroker, superviseBroker } from './supervise-broker.ts';
import { superviseServices } from './supervise-services.ts';

const brokerGraceMs = 10_000;

export interface UpOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
  /** Which side of the home. */
  readonly role: Role;
  /** Aborted when the system is to stop. */
  readonly stop: AbortSignal;
  /** Called when everything is ready, and when it no longer is. */
  readonly onChange: (state: SystemState) => void;
  /** Called with a sentence for whoever watches: something is amiss, and what is done about it. */
  readonly tell: (sentence: string) => void;
}

/** Runs the system until `stop`. @throws `already-up`, `broker-too-old`, `broker-unreachable`, `program-altered`, `home-unusable`, and what stopping met. */
export async function runSystem(options: UpOptions): Promise<void> {
  const { role } = options;
  const { home } = options.environment;
  if (options.config.nats.servers === undefined) await requireBrokerProgram(serverProgram);
  makeHome(home);
  await using _locks = await claimHome(home, role, options.stop);
  const board = createBoard(home, role, options.onChange);
  // Whoever starts the system at the same time waits for this one.
  board.update({});
  await stopProcesses(home, brokerGraceMs, role);
  readHostId(home);
  makeHttpToken(home);
  if (works(role, 'host')) makeHostKey(home);
  if (works(role, 'control')) await certifyHttp(home, options.config);
  const failed = new AbortController();
  const stop = AbortSignal.any([options.stop, failed.signal]);
  try {
    await superviseAll(options, board, stop, (error) => failed.abort(error));
  } finally {
    board.update({ phase: 'stopping' });
    try {
      if (works(role, 'host')) await destroyVms(options.environment, options.config);
    } finally {
      for (const file of [stateFile(home, role), runningConfigFile(home, role)]) rmSync(file, { force: true });
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
  const broker = brokerOf(options, board, brokerStop.signal);
  try {
    await Promise.race([broker.answering, aborted(stop)]);
    const { environment, config, role, tell } = options;
    const { home } = environment;
    if (!stop.aborted) {
      await Promise.all([
        superviseServices({ home, config, role, board, stop, tell }),
        works(role, 'control') ? keepCertificates(home, config, stop, tell) : null,
      ]);
    }
  } catch (error) {
    fail(error);
  } finally {
    brokerStop.abort();
    await broker.gone;
  }
}

function brokerOf({ environment, config, role, tell }: UpOptions, board: Board, stop: AbortSignal): SupervisedBroker {
  const { home } = environment;
  if (!works(role, 'control')) return { answering: awaitBroker(home, stop), gone: Promise.resolve() };
  const scope = { host: readHostId(home), pools: Object.keys(config.pools) };
  const place = externalPlace(home, config);
  if (place !== null) return useExternalBroker({ home, scope, place, board, stop, tell });
  return superviseBroker(home, scope, config.nats.port, board, stop);
}

function makeHome(home: Home): void {
  try {
    // Others may pass through, not look: QEMU runs under uids of its own inside.
    makeFolder(home.root, 0o711);
    for (const folder of [home.run, home.logs, home.credentials, home.secrets]) {
      makeFolder(folder, 0o700);
    }
  } catch (error) {
    throw new VmTaskError(
      'home-unusable',
      `the home ${home.root} cannot be written (${(error as Error).message}); set VM_TASK_HOME to a folder that can`,
      { cause: error },
    );
  }
}

/** Made at the first start, and never changed: what is encrypted for it can be opened with it alone. */
function makeHostKey(home: Home): void {
  if (readHostKey(home) === null) writePrivateFile(home.secretsKey, newHostKey());
}

/** One supervisor for each side of a home: the kernel holds the locks for as long as this process lives. */
async function claimHome(home: Home, role: Role, signal: AbortSignal): Promise<AsyncDisposable> {
  await using locks = new AsyncDisposableStack();
  for (const side of ['control', 'host'] as const) {
    if (works(role, side)) locks.use(await claimSide(home, side, signal));
  }
  return locks.move();
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
