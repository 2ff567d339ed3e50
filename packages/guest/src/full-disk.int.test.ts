import { needs } from '@vm-task/testing/needs';
import { startSshGuest } from '@vm-task/testing/ssh-guest';
import { describe, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { JobEnd } from './job.ts';
import { end, never, newJob, script } from './test-job.ts';

/** On a disk of its own, because a full one takes no other job. */
async function resultOf(text: string): Promise<JobEnd['result']> {
  await using guest = await startSshGuest({ diskBytes: 1024 * 1024 });
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  return (await end(connection, newJob({ program: script(text) }))).result;
}

const fill = 'dd if=/dev/zero of=filler bs=4096 2> /dev/null;';

// Only root gives a guest a disk of its own.
needs.root(describe)('a result on a disk that is full', () => {
  test.each([
    ['not at all', `${fill} echo done > "$VM_TASK_RESULT"`],
    ['in part', `${fill} truncate -s -4096 filler; head -c 10000 /dev/zero | tr "\\0" x > "$VM_TASK_RESULT"`],
  ])('for which there was room %s is told as not written', async (_room, text) => {
    expect(await resultOf(text)).toBe('not-written');
  });

  test('that was written before is whole; where there is room, one may be empty', async () => {
    expect((await resultOf(`echo done > "$VM_TASK_RESULT"; ${fill}`))?.toString()).toBe('done\n');
    expect(await resultOf(': > "$VM_TASK_RESULT"')).toHaveLength(0);
  });
});
