/** The runner as it is, for machines that are not there: every job has ended well as soon as it is asked for. */
import type { JobEnd } from '@vm-task/guest/job';
import type { Guest } from '@vm-task/runner/guest';
import { startRunner } from '@vm-task/runner/start';
import { runService } from '@vm-task/shared/service';

const nothing = { seenBytes: 0, storedBytes: 0, droppedBytes: 0, tail: Buffer.alloc(0) };
const end: JobEnd = {
  outcome: { kind: 'exited', code: 0 },
  outOfMemory: false,
  stopped: false,
  ranMs: 0,
  stdout: nothing,
  stderr: nothing,
  result: null,
};

const guest: Guest = {
  async *run() {
    yield { kind: 'running', attached: false };
    yield { kind: 'ended', end };
  },
  stop: async () => undefined,
  status: async () => ({ kind: 'ended', outcome: end.outcome }),
  complete: async () => 'over',
  collect: async () => ({ collected: [], refused: [] }),
  place: async ({ folder }) => `/root/${folder}`,
  [Symbol.asyncDispose]: async () => undefined,
};

await runService({
  name: 'runner',
  streams: ['EVENTS', 'LOGS'],
  async run({ environment: { home }, ready, ...context }) {
    const running = startRunner({ ...context, home, connect: async () => guest, isVmAlive: async () => true });
    ready();
    await running;
  },
});
