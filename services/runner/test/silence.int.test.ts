/** A guest of which nothing is heard any more, for a while or for good. */
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { type Rig, startRig, type Task } from './rig.ts';

const hasOutput = (rig: Rig, task: Task) =>
  eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'output', limitMs: 60_000 });

/** A connection is given up after 20 s of silence; by then the machine swallows new ones, too. */
test.concurrent('a black hole in mid-process, for longer than a connection is kept: the process goes on, and nothing is missing', async () => {
  await using rig = await startRig();
  let dialled = 0;
  await using _runner = await rig.startRunner(({ connect }) => ({
    connect: (...to) => {
      dialled += 1;
      return connect(...to);
    },
  }));
  const task = await rig.submit({ run: 'i=0; while [ $i -lt 250 ]; do i=$((i + 1)); echo $i; sleep 0.1; done' });
  await hasOutput(rig, task);
  await rig.guest.freeze();
  await eventually(() => dialled > 1, { what: 'the connection is given up, and another one dialled', limitMs: 90_000 });
  const stored = (await rig.output(task)).stdout.length;
  rig.guest.resume();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  const { stdout } = await rig.output(task);
  expect(stdout.toString()).toBe(Array.from({ length: 250 }, (_, i) => `${i + 1}\n`).join(''));
  expect(stored).toBeLessThan(stdout.length);
});

test.concurrent('an exit status that never arrives is no success: the task fails and says so', async () => {
  await using rig = await startRig();
  await using _runner = await rig.startRunner();
  // Its supervisor, which alone would have told how it ends.
  const task = await rig.submit({ run: 'echo begun; kill -9 $PPID; sleep 1; echo over' });
  const { outcome, exitCode, error } = await rig.completed(task);
  expect({ outcome, exitCode, code: error?.code }).toEqual({ outcome: 'failed', exitCode: null, code: 'process-lost' });
});
