import { decode } from '@vm-task/bus/envelope';
import { follow } from '@vm-task/bus/follow';
import type { Head, Stored } from '@vm-task/shared/events';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { asNewer } from '@vm-task/testing/newer-events';
import * as sample from '@vm-task/testing/sample-events';
import { storeEvent } from '@vm-task/testing/tasks-by-hand';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';
import { type Checkpoint, checkpointFile, resumeFrom, streamFacts } from './checkpoint.ts';
import { LiveLog } from './live-log.ts';

type Broker = Awaited<ReturnType<typeof startBroker>>;

async function eventsIn({ connection }: Broker, count: number): Promise<Head[]> {
  const events: Head[] = [];
  const signal = new AbortController().signal;
  for await (const { message } of follow(connection, { stream: 'EVENTS', filter: '>', from: 1, signal })) {
    const decoded = decode(message);
    if (decoded.kind === 'event') events.push(decoded.event);
    if (events.length === count) return events;
  }
  return events;
}

function holding(checkpoint: Checkpoint | null) {
  return { load: () => checkpoint, save: () => undefined };
}

test('what could not be read when the checkpoint was made is read again: beginnings, and what came in between', async () => {
  await using broker = await startBroker();
  const { bus, connection } = broker;
  const [begun, going] = [sample.sampleTask(), sample.sampleTask()];
  const [old, later] = [sample.samplePipeline(), sample.samplePipeline()];
  const spec = { ...sample.sampleSpec, alertAfterMs: 1_000 };
  await storeEvent(bus, sample.created(begun, { spec }), 0);
  const { seq } = await storeEvent(bus, sample.created(going), 0);
  await storeEvent(bus, sample.vmReady(going), seq);
  const resumed = { from: old, expand: [], ended: [], skip: [] };
  await storeEvent(bus, sample.pipelineCreated(later, { resumed }), 0);
  const events = await eventsIn(broker, 4);
  const older = new LiveLog(1_000);
  for (const event of events) older.take(event.seq, event.seq === seq ? event : asNewer(event as Stored));
  const facts = await streamFacts(connection);
  const checkpoint = older.checkpoint(facts.created);
  expect(checkpoint).toMatchObject({ unread: [{ task: begun }, { pipeline: later }], late: [], resumed: [] });

  const newer = new LiveLog(1_000, await resumeFrom(holding(checkpoint), connection, facts));
  const all = new LiveLog(1_000);
  for (const event of events) all.take(event.seq, event);
  const sorted = ({ tasks, ...rest }: Checkpoint) => ({
    ...rest,
    tasks: [...tasks].sort((a, b) => a.createdMs - b.createdMs),
  });
  expect(sorted(newer.checkpoint('s'))).toEqual(sorted(all.checkpoint('s')));
});

test('a checkpoint of another stream, of another version, or of more than there is, is passed over', async () => {
  await using broker = await startBroker();
  const facts = await streamFacts(broker.connection);
  const good = new LiveLog(1_000).checkpoint(facts.created);
  const resume = async (checkpoint: Checkpoint | null) =>
    (await resumeFrom(holding(checkpoint), broker.connection, facts)).checkpoint;
  expect(await resume(good)).toEqual(good);
  expect(await resume({ ...good, stream: '2020-01-01T00:00:00Z' })).toBe(null);
  expect(await resume({ ...good, seq: facts.lastSeq + 1 })).toBe(null);
  expect(await resume({ ...good, v: 1 } as unknown as Checkpoint)).toBe(null);
  expect(await resume(null)).toBe(null);
});

test('a reaper goes on where the one before it stood, and what was live then ends when it is out of time', async () => {
  await using rig = await startRig();
  await using folder = await makeTempFolder('checkpoint');
  const checkpoints = checkpointFile(`${folder.path}/reaper/reaper.json`);
  const timeouts = { ...sample.sampleSpec.timeouts, queueMs: 2_000 };
  const { task } = await rig.create({ spec: { ...sample.sampleSpec, timeouts } });
  const over = await rig.create();
  await rig.store(sample.completed(over.task), over.seq);
  {
    await using _first = rig.reap({ checkpoints });
    await eventually(() => checkpoints.load() !== null, { what: 'it has saved one' });
  }
  const begun: (number | 'new')[] = [];
  const follow: typeof rig.bus.follow = (options) => {
    begun.push(options.from);
    return rig.bus.follow(options);
  };
  rig.reap({ checkpoints, bus: { ...rig.bus, follow } });
  expect((await rig.endOf(task)).data).toMatchObject({ outcome: 'timed_out' });
  expect(begun).toEqual([4]);
});
