import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { startBroker } from '@vm-task/testing/broker';
import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { artifactName, openArtifact, storeArtifact } from './artifacts.ts';
import { artifactsOf } from './streams.ts';

test.each([
  ['20 MiB', 20 * 1024 * 1024],
  ['one byte', 1],
  ['nothing', 0],
])('an artifact of %s comes back byte for byte, with its size and hash', async (_what, size) => {
  await using broker = await startBroker();
  const content = randomBytes(size);
  const name = artifactName(sampleTask(), 1);
  const chunks = Readable.from(
    (function* () {
      for (let at = 0; at < size; at += 100_000) yield content.subarray(at, at + 100_000);
    })(),
  );
  const stored = await storeArtifact(broker.connection, 'host-1', name, chunks);
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(stored).toEqual({ bytes: size, sha256, object: name });
  const opened = await openArtifact(broker.connection, 'host-1', name);
  expect(opened).not.toBeNull();
  const back = opened === null ? null : await buffer(opened);
  expect(back?.equals(content)).toBe(true);
});

test('what is not there (any more) is null', async () => {
  await using broker = await startBroker();
  expect(await openArtifact(broker.connection, 'host-1', artifactName(sampleTask(), 1))).toBeNull();
});

test('content that fails half-way fails the storing, and leaves nothing', async () => {
  await using broker = await startBroker();
  const name = artifactName(sampleTask(), 1);
  const half = async function* () {
    yield randomBytes(500_000);
    throw new Error('the guest is gone');
  };
  await expect(storeArtifact(broker.connection, 'host-1', name, half())).rejects.toThrow('the guest is gone');
  expect(await openArtifact(broker.connection, 'host-1', name)).toBeNull();
});

test('what is stored again has another name: nobody puts other bytes where some were reported', async () => {
  await using broker = await startBroker();
  const task = sampleTask();
  const [first, second] = [artifactName(task, 1), artifactName(task, 1)];
  await storeArtifact(broker.connection, 'host-1', first, Readable.from([Buffer.from('reported')]));
  await storeArtifact(broker.connection, 'host-1', second, Readable.from([Buffer.from('late')]));
  const opened = await openArtifact(broker.connection, 'host-1', first);
  expect(opened === null ? '' : (await buffer(opened)).toString()).toBe('reported');
});

test("a host stores and reads its own, by control's leave, and control reads it", async () => {
  await using broker = await startBroker({ users: ['runner', 'intake'] });
  await using runner = await broker.connect({ user: 'runner' });
  await using intake = await broker.connect({ user: 'intake' });
  const name = artifactName(sampleTask(), 1);
  await storeArtifact(runner.connection, 'host-1', name, Readable.from([randomBytes(300_000)]));
  for (const { connection } of [runner, intake]) {
    const opened = await openArtifact(connection, 'host-1', name);
    expect(opened === null ? 0 : (await buffer(opened)).length).toBe(300_000);
  }
});

test("content that fails half-way fails a host's storing by its own error, and nothing of it is left", async () => {
  await using broker = await startBroker({ users: ['runner'] });
  const kept = await storeArtifact(
    broker.connection,
    'host-1',
    artifactName(sampleTask(), 1),
    Readable.from([randomBytes(300_000)]),
  );
  await using runner = await broker.connect({ user: 'runner' });
  const half = async function* () {
    yield randomBytes(500_000);
    throw new Error('more comes than may come');
  };
  const storing = storeArtifact(runner.connection, 'host-1', artifactName(sampleTask(), 1), half());
  await expect(storing).rejects.toThrow('more comes than may come');
  const { jsm } = broker.connection;
  const stream = `OBJ_${artifactsOf('host-1')}`;
  const { state } = await jsm.streams.info(stream);
  const found = await Promise.all(
    Array.from({ length: state.last_seq }, (_, at) => jsm.streams.getMessage(stream, { seq: at + 1 })),
  );
  const left = found.reduce((sum, message) => sum + (message?.data.length ?? 0), 0);
  expect(left).toBeLessThan(300_000 + 1_000);
  const opened = await openArtifact(broker.connection, 'host-1', kept.object);
  expect(opened === null ? 0 : (await buffer(opened)).length).toBe(300_000);
});

test('what does not fit into the store is refused before anything of it is there, and what fits is stored', async () => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  const stream = `OBJ_${artifactsOf('host-1')}`;
  await jsm.streams.update(stream, { max_bytes: 1024 * 1024 });
  const store = (size: number, expected: number) => {
    const content = Readable.from([randomBytes(size)]);
    return storeArtifact(broker.connection, 'host-1', artifactName(sampleTask(), 1), content, expected);
  };
  const full = { code: 'artifacts-full', message: expect.stringMatching(/host-1.*30 days/) };
  await expect(store(2 * 1024 * 1024, 2 * 1024 * 1024)).rejects.toMatchObject(full);
  expect((await jsm.streams.info(stream)).state.messages).toBe(0);
  expect(await store(500_000, 500_000)).toMatchObject({ bytes: 500_000 });
  // It grows while it is read.
  await expect(store(2 * 1024 * 1024, 100)).rejects.toMatchObject(full);
});
