/**
 * Services of the last release and of a next one replace each other, in both directions, while two hundred tasks run. The
 * next one writes a type of event, a version of one and an error that the released one does not know, and has a driver more.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { readFeatures } from '@vm-task/bus/features';
import { openFolder } from '@vm-task/hypervisor/ledger/ledger';
import type { VmId } from '@vm-task/shared/ids';
import type { ServiceName } from '@vm-task/shared/roles';
import { lastReleased } from '@vm-task/test-run/released-commit';
import { chance } from '@vm-task/testing/chance';
import { eventually } from '@vm-task/testing/conditions';
import { creatingVm } from '@vm-task/testing/sample-states';
import { runSeed } from '@vm-task/testing/seed';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { Load, planTasks } from './load.ts';
import { nextDriver, nextError, nextType, nextVersion } from './next-version.ts';
import { type Leaving, RunningHome } from './running-home.ts';
import { checkOut, copyExtended } from './trees.ts';

const count = 200;
const atOnce = 24;
const machines = 6;
/** Control, then the host, whose provisioner says which version it is. */
const upgrade: readonly ServiceName[] = ['intake', 'reaper', 'runner', 'provisioner'];
const manners: readonly Leaving[] = ['drained before', 'drained after', 'killed'];

/** A VM that a next version has left, of a driver that only it knows. */
async function leaveUnknownVm({ home, guests, pools }: RunningHome): Promise<VmId> {
  const {
    image: _image,
    snapshot: _snapshot,
    egress: _egress,
    uid: _uid,
    port: _port,
    ...record
  } = creatingVm().record;
  const creator = { pid: 4_194_304, startTicks: 1 };
  const access = guests[0]?.access;
  await openFolder(home, { ...record, creator, driver: nextDriver, pool: pools[0] ?? '', access } as never);
  return record.vm;
}

interface Stored {
  readonly type: string;
  readonly subject: string;
  readonly version: number;
  readonly error: string | null;
}

async function storedIn({ home }: RunningHome, stream: string): Promise<Stored[]> {
  await using connection = await openConnection(readBrokerAddress(home, 'system'), 'upgrade test');
  const { streams } = connection.jsm;
  const { state } = await streams.info(stream);
  const found: Stored[] = [];
  // An empty stream begins at 0.
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await streams.getMessage(stream, { seq });
    if (message === null) continue;
    const { v: version, error } = JSON.parse(message.string()) as { v: number; error?: { code: string } | null };
    const type = message.header.get('ce-type');
    found.push({ type, subject: message.subject, version, error: error?.code ?? null });
  }
  return found;
}

const isOfNext = ({ type, version }: Stored) => type === nextType || version > 1;

const isGone = ({ home }: RunningHome, vm: VmId) => !existsSync(home.vm(vm).root);

/** The record says so, and somebody has written accordingly. */
async function untilNextIsWritten(running: RunningHome): Promise<void> {
  await using connection = await openConnection(readBrokerAddress(running.home, 'system'), 'upgrade test');
  const isOn = async () => (await readFeatures(connection))?.version === nextVersion;
  await eventually(isOn, { what: 'what is new is switched on', limitMs: 60_000 });
  const isWritten = async () => (await storedIn(running, 'EVENTS')).some(({ type }) => type === nextType);
  await eventually(isWritten, { what: 'what is new is written', limitMs: 60_000 });
}

/** Nothing waits, nothing is in flight. */
async function untilQuiet({ home }: RunningHome): Promise<void> {
  await using connection = await openConnection(readBrokerAddress(home, 'system'), 'upgrade test');
  const isQuiet = async () => {
    for (const stream of ['EVENTS', 'COMMANDS', 'TIMERS']) {
      for await (const { num_pending, num_ack_pending, config } of connection.jsm.consumers.list(stream)) {
        if (config.durable_name !== undefined && num_pending + num_ack_pending > 0) return false;
      }
    }
    return true;
  };
  await eventually(isQuiet, { what: 'every message is handled', limitMs: 90_000 });
}

test('two hundred tasks complete while services of the released and of a next version replace each other in both directions', async () => {
  const random = chance(runSeed('old release'));
  const pick = () => manners[random(manners.length)] ?? 'killed';
  const { version, commit } = lastReleased(readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8'));
  process.stdout.write(`released: ${version}, commit ${commit}\n`);
  await using folder = await makeTempFolder('upgrade');
  const released = await checkOut(commit, join(folder.path, 'released'));
  const next = await copyExtended(join(folder.path, 'next'));
  await using running = await RunningHome.make(folder.path, machines);
  const unknown = await leaveUnknownVm(running);
  await running.startBroker(released);
  for (const name of upgrade) await running.replace(name, released);
  await using load = new Load(running, planTasks(count, running.pools, random), atOnce);
  const replaceAll = async (names: readonly ServiceName[], tree: string) => {
    for (const name of names) {
      await load.untilEnded(load.ended + 5);
      // Two of intake would listen at two addresses.
      const leaving = pick();
      await running.replace(name, tree, name === 'intake' && leaving === 'drained after' ? 'drained before' : leaving);
    }
  };
  await load.untilEnded(10);
  expect(isGone(running, unknown)).toBe(false);

  await running.startBroker(next);
  await replaceAll(upgrade.slice(0, -1), next);
  // More than were in flight: runners of the next version have ended some. And one service is there that could not read it.
  await load.untilEnded(load.ended + 2 * machines);
  expect((await storedIn(running, 'EVENTS')).filter(isOfNext)).toEqual([]);
  await replaceAll(upgrade.slice(-1), next);
  await untilNextIsWritten(running);
  await eventually(() => isGone(running, unknown), {
    what: 'the VM of the next version is removed by it',
    limitMs: 60_000,
  });
  await replaceAll(upgrade.toReversed(), released);
  await load.untilEnded(load.ended + 10);
  expect(load.ended).toBeLessThan(count);
  await replaceAll(upgrade, next);

  await load.untilEnded(count);
  await untilQuiet(running);
  expect(await load.problems()).toEqual([]);
  const events = await storedIn(running, 'EVENTS');
  const ends = events.filter(({ type }) => type === 'task.completed');
  expect(ends).toHaveLength(count);
  expect([...new Set(ends.map((end) => end.version))].sort()).toEqual([1, 2]);
  expect(events.map(({ error }) => error)).toContain(nextError);
  expect(await storedIn(running, 'DEAD')).toEqual([]);
  const alerts = events.filter(({ type }) => type === 'alert.raised').map(({ subject }) => subject.split('.')[3]);
  expect([...new Set(alerts)].filter((kind) => kind !== 'newer-event' && kind !== 'vm-unreadable')).toEqual([]);
  const found = JSON.parse(await running.run(next, 'audit')) as object;
  expect({ ...found, vms: 0 }).toEqual({ vms: 0, leaked: [], missing: [], untold: [], unreadable: [] });
});
