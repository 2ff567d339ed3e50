import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { startBroker } from '@vm-task/testing/broker';
import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { artifactName, openArtifact, storeArtifact } from './artifacts.ts';

test.each([
  ['20 MiB', 20 * 1024 * 1024],
  ['one byte', 1],
  ['nothing', 0],
])('an artifact of %s comes back byte for byte, with its size and hash', async (_what, size) => {
  await using broker = await startBroker();
  const content = randomBytes(size);
  const name = artifactName(sampleTask(), 1, `out/a b/${'结果'.repeat(500)}.json`);
  const chunks = Readable.from(
    (function* () {
      for (let at = 0; at < size; at += 100_000) yield content.subarray(at, at + 100_000);
    })(),
  );
  const stored = await storeArtifact(broker.connection, name, chunks);
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(stored).toEqual({ bytes: size, sha256, object: name });
  const opened = await openArtifact(broker.connection, name);
  expect(opened).not.toBeNull();
  const back = opened === null ? null : await buffer(opened);
  expect(back?.equals(content)).toBe(true);
});

test('what is not there (any more) is null', async () => {
  await using broker = await startBroker();
  expect(await openArtifact(broker.connection, artifactName(sampleTask(), 1, 'none'))).toBeNull();
});

test('content that fails half-way fails the storing, and leaves nothing', async () => {
  await using broker = await startBroker();
  const name = artifactName(sampleTask(), 1, 'half');
  const half = async function* () {
    yield randomBytes(500_000);
    throw new Error('the guest is gone');
  };
  await expect(storeArtifact(broker.connection, name, half())).rejects.toThrow('the guest is gone');
  expect(await openArtifact(broker.connection, name)).toBeNull();
});

test('storing the same name again replaces it: an attempt that is resumed collects once more', async () => {
  await using broker = await startBroker();
  const name = artifactName(sampleTask(), 1, 'out.json');
  await storeArtifact(broker.connection, name, Readable.from([Buffer.from('old')]));
  await storeArtifact(broker.connection, name, Readable.from([Buffer.from('new')]));
  const opened = await openArtifact(broker.connection, name);
  expect(opened === null ? '' : (await buffer(opened)).toString()).toBe('new');
});
