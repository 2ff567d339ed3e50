/** nats-server as a child of `up`: started again when it ends, and restarted when it has met a full disk. */
import { join } from 'node:path';
import type { Scope } from '@vm-task/bus/accounts';
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { serverProgram } from '@vm-task/bus/streams';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { processRef } from '@vm-task/hypervisor/ledger/process-ref';
import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import type { Board } from './board.ts';
import { prepareBroker } from './broker.ts';
import { portOf, writeBrokerFiles } from './broker-config.ts';
import { superviseChild } from './child.ts';
import { watchDisk } from './disk-watch.ts';
import { stopProcess } from './processes.ts';
import { checkProgram } from './program-record.ts';
import { readStates } from './state.ts';

const graceMs = 10_000;

export interface SupervisedBroker {
  /** Resolves when it answers for the first time. @throws why it never will. */
  readonly answering: Promise<void>;
  /** Resolves when it has ended after `stop`. */
  readonly gone: Promise<void>;
}

/** Keeps the broker running until `stop`, on this port of the loopback, or on another one where it is taken. */
export function superviseBroker(
  home: Home,
  scope: Scope,
  wantedPort: number,
  board: Board,
  stop: AbortSignal,
): SupervisedBroker {
  const answering = Promise.withResolvers<void>();
  const gone = (async () => {
    const port = await freePort(portFor(home, wantedPort));
    const { config, url } = await writeBrokerFiles(home, scope, port);
    const ready = async (signal: AbortSignal) => {
      try {
        const { version } = await prepareBroker(home, scope, signal);
        board.update({ nats: { url, version, pid: board.state.nats?.pid ?? null } });
        answering.resolve();
      } catch (error) {
        if (!signal.aborted) answering.reject(error);
        throw error;
      }
    };
    const logFile = join(home.logs, 'nats-server.log');
    const before = async () => void (await checkProgram(serverProgram));
    const child = { name: 'nats-server', command: serverProgram, args: ['-c', config], logFile, ready, before };
    const supervising = superviseChild(child, {
      stop,
      graceMs,
      report: ({ state, pid, restarts, lastExit }) => {
        board.update({ nats: { url, version: board.state.nats?.version ?? '', pid } });
        if (state === 'waiting' && restarts === 0 && board.state.nats?.version === '') {
          answering.reject(didNotStart(lastExit, logFile));
        }
      },
    });
    const onRoomAgain = () => restartAfterFullDisk(home, scope, board, stop);
    await Promise.all([supervising, watchDisk({ folder: home.nats, onRoomAgain, stop })]);
  })();
  gone.catch(answering.reject);
  return { answering: answering.promise, gone };
}

/** A hosts' side that is up dials the port that it knows; otherwise it is the wanted one, and that of before where any will do. */
function portFor(home: Home, wanted: number): number {
  const isKnown = readStates(home).some(({ role }) => role === 'host');
  return isKnown || wanted === 0 ? (portBefore(home) ?? wanted) : wanted;
}

function portBefore(home: Home): number | null {
  try {
    return portOf(readBrokerAddress(home, 'system'));
  } catch {
    return null;
  }
}

function didNotStart(lastExit: string | null, logFile: string): VmTaskError {
  const why = lastExit ?? 'no exit status';
  return new VmTaskError('broker-unreachable', `${serverProgram} did not start (${why}); its log is ${logFile}`);
}

/** Ends the server, which its supervision starts again, and tells people once it takes events. */
async function restartAfterFullDisk(home: Home, scope: Scope, board: Board, stop: AbortSignal): Promise<void> {
  const server = processRef(board.state.nats?.pid ?? 0);
  if (server !== null) await stopProcess(server, graceMs);
  try {
    await prepareBroker(home, scope, stop);
    await using connection = await openConnection(readBrokerAddress(home, 'system'), 'vm-task up');
    const text =
      'the disk of the home was full, so that nothing could be stored; there is room again, and nats-server was restarted';
    const data = { v: 1 as const, severity: 'critical' as const, kind: 'disk-full', id: 'broker', text };
    await createBus(connection, 'vm-task/up', silentLogger).announce(
      { type: 'alert.raised', data, host: anyHost },
      stop,
    );
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}
