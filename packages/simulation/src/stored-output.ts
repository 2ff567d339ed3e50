/** I8: an attempt's output is stored without a gap or a repetition, and byte for byte as its processes wrote it. */
import type { Stored } from '@vm-task/shared/events';
import { type LogStream, logSubject } from '@vm-task/shared/subjects';
import type { StoredMessage } from './broker/stream.ts';
import { outputOf, readProgram } from './guest.ts';
import type { Observations } from './observations.ts';

type Created = Stored<'task.created'>;

export class StoredOutput {
  readonly #observations: Observations;
  readonly #bytes = new Map<string, number>();

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  onStored({ subject, headers, data }: StoredMessage, find: (task: string) => Created | null): void {
    const offset = Number(headers.get('vm-task-offset'));
    const before = this.#bytes.get(subject) ?? 0;
    if (offset !== before) {
      this.#observations.broken('I8', `${subject} goes on at ${offset} behind ${before}`);
      return;
    }
    this.#bytes.set(subject, before + data.length);
    const [, task = '', attempt, stream] = subject.split('.');
    const created = find(task);
    if (created === null) return;
    const expected = expectedOutput(created, `${task}-${attempt}`, stream as LogStream);
    if (!expected.subarray(offset, offset + data.length).equals(data)) {
      this.#observations.broken('I8', `${subject} has other bytes at ${offset} than the process wrote`);
    }
  }

  /** For an attempt that has succeeded, on that host. */
  requireWhole(created: Created, attempt: number, host: string): void {
    const { task } = created.data;
    for (const stream of ['setup', 'stdout', 'stderr'] as const) {
      const expected = expectedOutput(created, `${task}-${attempt}`, stream).length;
      const stored = this.#bytes.get(logSubject(task, attempt, stream, host)) ?? 0;
      if (stored === expected) continue;
      this.#observations.broken('I8', `${task} has ${stored} bytes of ${stream}, and wrote ${expected}`);
    }
  }
}

function expectedOutput({ data }: Created, attempt: string, stream: LogStream): Buffer {
  const { main, setup } = data.spec;
  if (stream !== 'setup') {
    const program = readProgram(
      main.kind === 'script' ? main.script : main.kind === 'command' ? main.argv.join(' ') : '',
    );
    return outputOf(`${attempt}-main`, stream, program);
  }
  const steps = setup.map((step, index) => [
    Buffer.from(`# setup ${index + 1} of ${setup.length}: run\n`),
    outputOf(`${attempt}-setup-${index + 1}`, 'stdout', readProgram(step.kind === 'run' ? step.script : '')),
  ]);
  return Buffer.concat(steps.flat());
}
