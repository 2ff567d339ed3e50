/** From a record to a running clone: its files, its QEMU, its state. */
import { mkdir } from 'node:fs/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { endProcess } from '../../host/end-process.ts';
import { freePort } from '../../host/free-port.ts';
import { type Owner, ownFolder } from '../../host/own-folder.ts';
import { updateRecord } from '../../ledger/ledger.ts';
import type { Snapshot } from '../../snapshots/snapshot.ts';
import { linkSnapshot } from '../../snapshots/snapshot-store.ts';
import { type Accelerator, commandLine, files } from './command-line.ts';
import type { HostFacts } from './host-facts.ts';
import { isAddressInUse } from './jail/hold-port.ts';
import { jailed } from './jail/jail.ts';
import { limitsOf } from './jail/limits.ts';
import { wayOutOf } from './jail/options.ts';
import type { Walls } from './jail/probe.ts';
import { mark } from './marked-process.ts';
import { qemuProgram } from './qemu-version.ts';
import type { Qmp } from './qmp.ts';
import type { CloneRecord } from './record.ts';
import { type Logs, type Program, startQemu, tail } from './start-qemu.ts';

/** Milliseconds on an idle host; this is for one that swaps. */
const restoreLimitMs = 60_000;
/** Whoever takes a free port in the millisecond before QEMU does, does not do it five times. */
const portTries = 5;

export interface ClonePlan {
  readonly home: Home;
  readonly snapshot: Snapshot;
  readonly accelerator: Accelerator;
  readonly walls: Walls;
  readonly denied: HostFacts['denied'];
  readonly owner: Owner | null;
}

/** The record with the process that runs now, and the port that it has. The caller removes everything when this throws. */
export async function startClone(plan: ClonePlan, record: CloneRecord, signal: AbortSignal): Promise<CloneRecord> {
  const { home, snapshot, owner } = plan;
  const { run } = home.vm(record.vm);
  await mkdir(run, { mode: 0o700 });
  if (!(await linkSnapshot(snapshot, run))) {
    throw new VmTaskError(
      'vm-not-started',
      `the snapshot ${snapshot.key} was removed meanwhile; the next try makes it anew`,
    );
  }
  await ownFolder(run, owner);
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await startOnce(plan, record, signal);
    } catch (error) {
      if (tries === portTries || !(isAddressInUse(error) || (await isPortTaken(home, record)))) throw error;
      record = { ...record, port: await freePort() };
      await updateRecord(home, record);
    }
  }
}

async function startOnce(plan: ClonePlan, record: CloneRecord, signal: AbortSignal): Promise<CloneRecord> {
  const qemu = await startQemu(await programOf(plan, record));
  const { home } = plan;
  const running: CloneRecord = { ...record, process: qemu.process };
  try {
    await Promise.all([updateRecord(home, running), resume(qemu.qmp, signal)]);
    return running;
  } catch (error) {
    await endProcess(qemu.process);
    throw error;
  } finally {
    qemu.qmp.close();
  }
}

async function programOf(
  { home, accelerator, walls, denied, owner }: ClonePlan,
  record: CloneRecord,
): Promise<Program> {
  const { vm, size, port } = record;
  const { run: folder } = home.vm(vm);
  const wayOut = wayOutOf(record, denied);
  const restricted = wayOut.kind === 'none';
  const machine = { mark: mark(home, vm), size, accelerator, port, restricted, start: { kind: 'clone' } } as const;
  const argv = [qemuProgram, ...commandLine(machine)];
  const logs = logsOf(home, vm);
  // A guest that may reach something has no other way to it than out of its jail.
  if (restricted && walls.kind === 'lacking') return { argv, folder, runAs: owner, port: null, logs };
  const readOnly = Object.values(files);
  const jail = { folder, readOnly, accelerator, limits: limitsOf(size), wayOut, port, owner };
  return { ...(await jailed(argv, jail)), folder, logs };
}

/** Returns when the guest goes on from where it was frozen. */
async function resume(qmp: Qmp, signal: AbortSignal): Promise<void> {
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(restoreLimitMs)]);
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(giveUp.reason);
  giveUp.addEventListener('abort', abort, { once: true });
  try {
    // All at once: QEMU reads them when it is up, one after another.
    const done = Promise.all([
      qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] }),
      qmp.execute('migrate-incoming', { uri: `file:${files.state}` }),
      qmp.event('RESUME'),
    ]);
    await Promise.race([done, aborted.promise]);
  } finally {
    giveUp.removeEventListener('abort', abort);
  }
}

export function logsOf(home: Home, vm: VmId): Logs {
  const folder = home.vm(vm);
  return { console: folder.consoleLog, qemu: folder.qemuLog };
}

/** Said by QEMU, and by pasta. */
const portTaken = /Could not set up host forwarding rule|Failed to bind any port/;

async function isPortTaken(home: Home, record: CloneRecord): Promise<boolean> {
  return portTaken.test(await tail(logsOf(home, record.vm).qemu));
}
