/** Tasks that somebody answers: of the reserved pool `manualPool` (ids.ts), which has no machines. */
import type { Answerers } from '@vm-task/shared/answerers';
import type { Json } from '@vm-task/shared/json';
import type { TaskSpec } from '@vm-task/shared/task-spec';

export interface Question {
  readonly from: 'external' | 'approval';
  readonly text: string;
  /** Undefined: whoever has the role. */
  readonly answerers: Answerers | undefined;
  readonly deadlineMs: number;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Not answered by then: people are told, and it goes on. */
  readonly alertAfterMs: number | undefined;
}

/** A task of that pool. Nothing of it is ever run; its total time is how long an answer is waited for. */
export function questionSpec(question: Question): TaskSpec {
  const { from, text, answerers, deadlineMs, inputs, labels, alertAfterMs } = question;
  return {
    image: 'none',
    size: { cpus: 1, memoryMiB: 128, diskMiB: 512 },
    egress: 'none',
    setup: [],
    main: { kind: 'answer', from, text, ...(answerers === undefined ? {} : { answerers }) },
    stdin: '',
    inputs: { ...inputs },
    env: {},
    secrets: {},
    artifacts: [],
    // One longer than the total: no machine is waited for.
    timeouts: { queueMs: deadlineMs + 1, setupMs: deadlineMs, runMs: deadlineMs, totalMs: deadlineMs },
    retry: { maxAttempts: 1, backoffMs: 1, on: [] },
    outputMaxBytes: 1_024,
    labels: { ...labels },
    ...(alertAfterMs === undefined ? {} : { alertAfterMs }),
  };
}
