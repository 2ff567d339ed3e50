/** For tests: jobs with everything but the point at hand filled in. */
import type { GuestConnection } from './connect.ts';
import type { Job, JobEnd, JobEvent } from './job.ts';
import { runJob } from './run-job.ts';

export const never = new AbortController().signal;

let count = 0;

export function newJob(changes: Partial<Job> = {}): Job {
  return {
    name: `job-${++count}`,
    program: { kind: 'command', argv: ['true'] },
    cwd: '.',
    env: {},
    secrets: {},
    inputs: {},
    stdin: '',
    limits: {},
    outputMaxBytes: 4 * 1024 * 1024,
    ...changes,
  };
}

export function script(text: string): Job['program'] & { kind: 'script' } {
  return { kind: 'script', script: text, runtime: ['bash'] };
}

export interface Output {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly end: JobEnd;
}

export async function collect(events: AsyncIterable<JobEvent>): Promise<Output> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for await (const event of events) {
    if (event.kind === 'output') chunks[event.stream].push(event.bytes);
    if (event.kind === 'ended') {
      return { stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr), end: event.end };
    }
  }
  throw new Error('the events ended without an end');
}

export function outputOf(connection: GuestConnection, job: Job): Promise<Output> {
  return collect(runJob(connection, job, { signal: never }));
}

export async function end(connection: GuestConnection, job: Job): Promise<JobEnd> {
  return (await outputOf(connection, job)).end;
}
