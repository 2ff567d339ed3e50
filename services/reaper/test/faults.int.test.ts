/** The faults that are the reaper's to survive, one test each, on a real ledger and a real broker. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom, hostClock } from '@vm-task/hypervisor/ledger/deadline';
import { readState } from '@vm-task/hypervisor/ledger/ledger';
import { startTicksOf } from '@vm-task/hypervisor/ledger/process-ref';
import { takenSlots } from '@vm-task/hypervisor/ledger/slots';
import { silentLogger } from '@vm-task/service/log';
import { childEnvironment } from '@vm-task/shared/environment';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { eventPatterns } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { type LedgerVms, lendLedgerVms } from '@vm-task/testing/ledger-vms';
import { freezer, mounting, needs } from '@vm-task/testing/needs';
import * as sample from '@vm-task/testing/sample-events';
import { storeEvent } from '@vm-task/testing/tasks-by-hand';
import { noteUndo } from '@vm-task/testing/undo';
import { afterEach, expect, test, vi } from 'vitest';
import { enforceLedgerDeadlines } from '../src/ledger-deadlines.ts';
import { goneOf, reap } from './reaper.ts';

const hourMs = 3_600_000;

afterEach(() => void vi.useRealTimers());

const isThere = (pid: number) => existsSync(`/proc/${pid}`) && startTicksOf(pid) !== null;

/** A VM of this host, as the log knows it. */
async function storeReady(bus: Bus, task: TaskId, vm: VmId): Promise<number> {
  const { seq } = await storeEvent(bus, sample.created(task));
  return (await storeEvent(bus, sample.vmReady(task, { vm }), seq)).seq;
}

async function storeOver(bus: Bus, task: TaskId, vm: VmId): Promise<void> {
  await storeEvent(bus, sample.completed(task, { vm }), await storeReady(bus, task, vm));
}

async function alertsOf(bus: Bus): Promise<string[]> {
  const { streams } = bus.connection.jsm;
  const { state } = await streams.info('EVENTS', { subjects_filter: eventPatterns['alert.raised'] });
  return Object.entries(state.subjects ?? {}).flatMap(([subject, count]) => Array<string>(count).fill(subject));
}

/** The deadlines of the ledger, kept without a broker. */
function enforce(hypervisor: Hypervisor): AsyncDisposable {
  const stop = new AbortController();
  const enforcing = enforceLedgerDeadlines({ hypervisor, sweepMs: 5_000, log: silentLogger, stop: stop.signal });
  return {
    [Symbol.asyncDispose]() {
      stop.abort();
      return enforcing;
    },
  };
}

/** Runs a program of ours, given as the inside of an async function, and returns how it ended. */
async function run(command: readonly string[], body: string, argv: readonly string[], env = {}) {
  const source = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../packages/${path}`, import.meta.url)));
  const script = `
    const { homeAt } = await import(${source('shared/src/home.ts')});
    const ledger = await import(${source('hypervisor/src/ledger/ledger.ts')});
    const { endProcesses } = await import(${source('hypervisor/src/drivers/qemu/end-vm.ts')});
    const { lendLedgerVms } = await import(${source('testing/src/ledger-vms.ts')});
    const { newTaskId } = await import(${source('shared/src/new-ids.ts')});
    const fs = await import('node:fs');
    const [, ...args] = process.argv;
    ${body}
  `;
  const [program = '', ...rest] = [...command, process.execPath, '--input-type=module', '--eval', script, ...argv];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: childEnvironment(env) });
  const printed: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => printed.push(bytes));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout: Buffer.concat(printed).toString() };
}

test.each([
  ['a record that cannot be read', () => ({ version: 2 })],
  ['a driver that this version does not know', (record: object) => ({ ...record, driver: 'of-tomorrow' })],
])('%s: that VM is left alone and reported once, and all else goes on', async (_what, alter) => {
  await using broker = await startBroker();
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const [task, live] = [sample.sampleTask(), sample.sampleTask()];
  const over = await lent.make({ task });
  const future = await lent.make({ task: live });
  const { record } = home.vm(future.vm);
  const altered = JSON.stringify(alter(JSON.parse(readFileSync(record, 'utf8'))));
  writeFileSync(record, altered);
  await storeOver(broker.bus, task, over.vm);
  const seq = await storeReady(broker.bus, live, future.vm);
  await using _reaper = reap(broker.bus, hypervisor);
  await goneOf(broker.bus, hypervisor, over.vm);
  await eventually(async () => (await alertsOf(broker.bus)).length > 0, { what: 'people are told' });
  expect(await alertsOf(broker.bus)).toEqual([expect.stringContaining('vm-unreadable')]);
  expect([isThere(future.pid), readFileSync(record, 'utf8')]).toEqual([true, altered]);
  expect((await broker.bus.head({ pool: 'default', task: live }))?.seq).toBe(seq);
});

test('reaper killed between destroying and removing files: the next one removes them, frees the place and tells', async () => {
  await using broker = await startBroker();
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const task = sample.sampleTask();
  const { vm, pid } = await lent.make({ task });
  await storeOver(broker.bus, task, vm);
  const killed = await run(
    [],
    `const [root, vm] = args;
    await ledger.writeEnded(homeAt(root), vm, 'its task is over');
    await endProcesses(homeAt(root), vm);
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});`,
    [home.root, vm],
  );
  expect(killed.signal).toBe('SIGKILL');
  expect(isThere(pid)).toBe(false);
  expect(existsSync(home.vm(vm).run)).toBe(true);
  await using _reaper = reap(broker.bus, hypervisor);
  await goneOf(broker.bus, hypervisor, vm);
  expect(await takenSlots(home)).toEqual([]);
});

test('reaper down for an hour: what is overdue goes first, the longest overdue before all', async () => {
  await using lent = await lendLedgerVms();
  const task = () => sample.sampleTask();
  const coming = await lent.make({ task: task(), lifeMs: hourMs });
  const late = await lent.make({ task: task(), deadline: deadlineFrom(-60_000, 0) });
  const latest = await lent.make({ task: task(), deadline: deadlineFrom(-hourMs, 0) });
  // Several are removed at once; the order is that in which they are taken up, which begins with a look.
  const find = vi.spyOn(lent.hypervisor, 'find');
  await using _enforcing = enforce(lent.hypervisor);
  const isOver = () => !isThere(late.pid) && !isThere(latest.pid);
  await eventually(isOver, { what: 'both are gone', limitMs: 5_000 });
  expect(find.mock.calls.slice(0, 2)).toEqual([[latest.vm], [late.vm]]);
  expect(isThere(coming.pid)).toBe(true);
});

test('host rebooted: what the ledger knows is over, and a process that has an old number is not ours', async () => {
  await using broker = await startBroker();
  await using lent = await lendLedgerVms();
  const { hypervisor } = lent;
  const pid = await lent.start(['somebody else']);
  const process = { pid, startTicks: startTicksOf(pid) ?? 0 };
  const deadline = { ...deadlineFrom(hourMs, 0), bootId: 'another boot' };
  const task = sample.sampleTask();
  const { vm } = await lent.make({ task, deadline, record: { process } });
  const warm = await lent.make({ deadline, record: { process } });
  await storeReady(broker.bus, task, vm);
  await using _enforcing = enforce(hypervisor);
  const isEnded = async () => (await hypervisor.find(vm))?.phase === 'ending' && !(await hypervisor.find(warm.vm));
  await eventually(isEnded, { what: 'both are ended' });
  await using _reaper = reap(broker.bus, hypervisor);
  await goneOf(broker.bus, hypervisor, vm);
  expect((await broker.bus.head({ pool: 'default', task }))?.type).toMatch(/^task\.(retrying|completed)$/);
  expect(isThere(pid)).toBe(true);
});

test('clock of the host off by an hour: deadlines come when they would have come', async () => {
  await using lent = await lendLedgerVms();
  const { hypervisor } = lent;
  const make = (lifeMs: number) => lent.make({ task: sample.sampleTask(), lifeMs });
  const [later, first, second] = [await make(hourMs / 2), await make(1_000), await make(2_500)];
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: now + hourMs });
  await using _enforcing = enforce(hypervisor);
  expect(isThere(first.pid)).toBe(true);
  await eventually(() => !isThere(first.pid), { what: 'the first is gone' });
  vi.setSystemTime(now - hourMs);
  await eventually(() => !isThere(second.pid), { what: 'the second is gone' });
  expect(isThere(later.pid)).toBe(true);
});

needs.mountNamespaces(test)(
  'disk of the host full while removing: the VM goes, and what has to be reported is kept',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'full-disk-'));
    const mount = ['sh', '-c', 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"', folder];
    const { stdout } = await run(
      [...mounting, ...mount],
      `const lent = await lendLedgerVms();
    const { hypervisor, home } = lent;
    const claimed = await lent.make({ task: newTaskId(Date.now()) });
    const warm = await lent.make();
    const filling = fs.openSync(home.root + '/full', 'w');
    let error;
    for (const bytes of [65536, 1024, 1]) {
      try { for (;;) fs.writeSync(filling, Buffer.alloc(bytes)); } catch (cause) { error = cause.code; }
    }
    await hypervisor.end(claimed.vm, 'over');
    await hypervisor.destroy(warm.vm, 'over');
    const left = await hypervisor.list();
    const state = { error, phases: left.map((state) => state.phase), claims: left.map((state) => state.claim?.attempt) };
    await hypervisor.destroy(claimed.vm, 'over');
    const files = fs.readdirSync(home.vms);
    await lent[Symbol.asyncDispose]();
    console.log(JSON.stringify({ ...state, files }));`,
      [],
      { TMPDIR: folder },
    );
    rmdirSync(folder);
    expect(JSON.parse(stdout)).toEqual({ error: 'ENOSPC', phases: ['ending'], claims: [1], files: [] });
  },
);

test('fork of foreign processes: what only looks like ours is untouched, process and folder', async () => {
  await using broker = await startBroker();
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const [vm, unknown] = [newVmId(Date.now()), newVmId(Date.now())];
  const foreign = [
    await lent.start(['qemu-system-x86_64', '-name', `${home.vms}/${vm}x`]),
    await lent.start(['qemu-system-x86_64', '-name', `${home.root}-2/vms/${vm}`]),
    await lent.start(['qemu-system-x86_64', '-name', vm, '-pidfile', home.vm(vm).root]),
    await lent.start(['qemu-system-x86_64', '-name', `${home.vms}/my-machine`]),
  ];
  const folders = [join(home.vms, `${vm}.bak`), join(home.vms, 'my-machine'), join(home.root, 'vms-old', vm)];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const ours = await lent.start(['qemu-system-x86_64', '-name', home.vm(unknown).root]);
  mkdirSync(home.vm(unknown).root);
  await using _reaper = reap(broker.bus, hypervisor);
  const isClean = async () => (await hypervisor.strays()).length === 0;
  await eventually(isClean, { what: 'what is ours, and known to nobody, is gone' });
  expect(isThere(ours)).toBe(false);
  expect(foreign.map(isThere)).toEqual([true, true, true, true]);
  expect(folders.map((folder) => existsSync(folder))).toEqual([true, true, true]);
});

/** Moves the next try of the VM's removal to this moment. */
function hasten({ home }: LedgerVms, vm: VmId): void {
  const path = home.vm(vm).quarantine;
  const quarantine = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...quarantine, nextTry: deadlineFrom(0, 0, hostClock()) }));
}

async function quarantinedTwice(bus: Bus, lent: LedgerVms, vm: VmId): Promise<void> {
  const triesOf = async () => {
    const state = await readState(lent.home, vm);
    return state?.phase === 'ending' ? (state.quarantine?.tries ?? 0) : 0;
  };
  await eventually(async () => (await triesOf()) === 1, { what: 'it is in quarantine' });
  await eventually(async () => (await alertsOf(bus)).length === 1, { what: 'people are told' });
  hasten(lent, vm);
  await eventually(async () => (await triesOf()) === 2, { what: 'it was tried again' });
}

test('a file that cannot be removed: told once, tried again with pauses, gone by itself when it can be', async () => {
  await using broker = await startBroker();
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const task = sample.sampleTask();
  const { vm, pid } = await lent.make({ task });
  const nailed = join(home.vm(vm).run, 'apart', 'nailed');
  lent.nail(nailed);
  await storeOver(broker.bus, task, vm);
  {
    await using _reaper = reap(broker.bus, hypervisor);
    await quarantinedTwice(broker.bus, lent, vm);
  }
  expect(isThere(pid)).toBe(false);
  expect(await takenSlots(home)).toHaveLength(2);
  lent.letGo(nailed);
  hasten(lent, vm);
  await using _next = reap(broker.bus, hypervisor);
  await goneOf(broker.bus, hypervisor, vm);
  expect(await takenSlots(home)).toEqual([]);
  expect(await alertsOf(broker.bus)).toEqual([`alert.raised.warning.vm-quarantined.${vm}.any`]);
});

needs.freezer(test)('a process that the kernel does not let go of keeps its place until it is gone', async () => {
  await using lent = await lendLedgerVms();
  const { home, hypervisor } = lent;
  const { vm, pid } = await lent.make();
  const group = join(freezer, `vm-task-test-${process.pid}`);
  using _undo = noteUndo('sh', '-c', 'echo THAWED >"$0/freezer.state"; rmdir "$0"', group);
  mkdirSync(group);
  writeFileSync(join(group, 'tasks'), String(pid));
  writeFileSync(join(group, 'freezer.state'), 'FROZEN');
  try {
    await expect(hypervisor.destroy(vm, 'over')).rejects.toThrow(`process ${pid}: killed for 10 s, still in state D`);
    expect(await hypervisor.find(vm)).toMatchObject({
      quarantine: { left: [{ kind: 'process', what: String(pid) }] },
    });
    expect(existsSync(home.vm(vm).run)).toBe(true);
    expect(await takenSlots(home)).toHaveLength(2);
  } finally {
    writeFileSync(join(group, 'freezer.state'), 'THAWED');
  }
  await hypervisor.destroy(vm, 'over');
  expect(await takenSlots(home)).toEqual([]);
  rmdirSync(group);
});
