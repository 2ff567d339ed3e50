/**
 * `POST /v1/complete`: the body is the task's result, as if the process had written it to `$VM_TASK_RESULT`. The guest
 * keeps it, beside the process's end, before the answer is sent: a runner that dies with it has lost nothing.
 */
import { randomUUID } from 'node:crypto';
import { resultMaxBytes } from '@vm-task/guest/job';
import { VmTaskError } from '@vm-task/shared/errors';
import { requireUtf8 } from '@vm-task/shared/utf8';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { bytesOf, keyOf } from './request.ts';

export function completeRoute(app: GuestApiServer, { attempt, bus, deadline, guest, job }: GuestApiDeps): void {
  app.post('/v1/complete', async ({ body, headers }, reply) => {
    const result = bytesOf(body);
    if (result.length > resultMaxBytes) throw tooLarge(result.length);
    requireUtf8(result, 'the result', 'result-not-text');
    // In the guest it is one line of a file.
    const key = encodeURIComponent(keyOf(headers) ?? randomUUID());
    if (attempt.cancelling.aborted) throw tooLate('the task is being cancelled, and has no result any more');
    if ((await bus.now()) >= deadline) throw tooLate(`the deadline was ${deadline.toISOString()}`);
    switch (await guest().complete(job, { result, key }, { signal: attempt.signal })) {
      case 'completed':
        return reply.code(204).send();
      case 'twice':
        throw new VmTaskError('result-already-set', 'the task has its result already; the first one stands');
      case 'over':
        throw new VmTaskError('task-already-over', 'the process has ended; its result is what it was then');
    }
  });
}

function tooLate(message: string): VmTaskError {
  return new VmTaskError('answer-too-late', message);
}

function tooLarge(bytes: number): VmTaskError {
  const message = `the result has ${bytes} bytes and may have ${resultMaxBytes}; leave large data as an artifact`;
  return new VmTaskError('result-too-large', message);
}
