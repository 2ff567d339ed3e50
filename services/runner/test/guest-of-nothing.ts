/** A machine that is not there, for tests and benchmarks: every job has ended well as soon as it is asked for. */
import type { JobEnd } from '@vm-task/guest/job';
import type { ConnectGuest } from '../src/guest.ts';

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

export const connectToNothing: ConnectGuest = async () => ({
  async *run() {
    yield { kind: 'running', attached: false };
    yield { kind: 'ended', end };
  },
  stop: async () => undefined,
  status: async () => ({ kind: 'ended', outcome: end.outcome }),
  complete: async () => 'over',
  collect: async () => ({ collected: [], refused: [], unmatched: [] }),
  place: async ({ folder }) => `/root/${folder}`,
  [Symbol.asyncDispose]: async () => undefined,
});
