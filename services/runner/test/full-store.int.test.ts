/** A store that has no room for the files of a task. */
import { artifactsOf } from '@vm-task/bus/streams';
import { sampleHost } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRunningRig } from './rig.ts';

test('a full store ends the attempt by its own error, with what its process did, and people are told once', async () => {
  await using rig = await startRunningRig();
  const { jsm } = rig.broker.connection;
  await jsm.streams.update(`OBJ_${artifactsOf(sampleHost)}`, { max_bytes: 300_000 });
  const file = {
    run: 'mkdir -p out; echo hi; head -c 1000 /dev/zero > small; head -c 1000000 /dev/zero > out/large',
    // Folders come after what is beside them.
    artifacts: ['small', 'out/large'],
    retry: { maxAttempts: 3, backoff: '1s', on: ['vm', 'setup', 'run'] },
  };
  for (let i = 0; i < 2; i++) {
    const end = await rig.run(file);
    expect(end).toMatchObject({
      outcome: 'failed',
      exitCode: 0,
      error: { code: 'artifacts-full', message: expect.stringMatching(/no room/) },
      artifacts: [{ path: 'small' }],
      result: { value: 'hi\n' },
    });
  }
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  expect(state.subjects).toEqual({ [`alert.raised.critical.artifacts-full.${sampleHost}.${sampleHost}`]: 1 });
});
