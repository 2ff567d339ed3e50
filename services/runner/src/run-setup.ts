/**
 * The setup steps, in order, each a job of its own (I8). Their output is one stream: a line that names the step, then
 * all that the step wrote. Where a byte stands in it follows from the steps alone, so every runner writes the same.
 */
import type { JobEnd } from '@vm-task/guest/job';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import { exitText } from '@vm-task/shared/process-end';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import { signalName } from './ending.ts';
import { type FollowJobOptions, followJob } from './follow-job.ts';
import type { SetupJob } from './plan-jobs.ts';
import type { Pump } from './pump.ts';
import type { Secrets } from './secrets.ts';

export type SetupOutcome =
  | { readonly kind: 'ready'; readonly steps: EventData<'task.setup.done'>['steps'] }
  | { readonly kind: 'failed'; readonly error: ErrorInfo }
  | { readonly kind: 'stopped' };

export async function runSetup(
  attempt: Attempt,
  contact: Contact,
  jobs: readonly SetupJob[],
  pump: Pump,
  secrets: Pick<Secrets, 'maskBytes'>,
  options: FollowJobOptions,
): Promise<SetupOutcome> {
  const steps: { name: string; ms: number }[] = [];
  let written = 0;
  for (const [index, { label, job }] of jobs.entries()) {
    const title = Buffer.from(`# setup ${index + 1} of ${jobs.length}: ${label}\n`);
    const begin = written + title.length;
    if (pump.next < begin) await pump.push(title.subarray(pump.next - written));
    const sink = {
      get from() {
        return { stdout: Math.max(0, pump.next - begin), stderr: 0 };
      },
      take: ({ bytes }: { readonly bytes: Buffer }) => pump.push(bytes),
    };
    const end = await followJob(attempt, contact, job, sink, options);
    if (end === 'not-begun' || end.stopped) return { kind: 'stopped' };
    const problem = problemOf(end);
    if (problem !== null)
      return { kind: 'failed', error: setupError(index, label, problem, secrets.maskBytes(end.stdout.tail)) };
    written = begin + end.stdout.storedBytes;
    steps.push({ name: label, ms: end.ranMs ?? 0 });
  }
  return { kind: 'ready', steps };
}

function problemOf({ outcome, outOfMemory }: JobEnd): string | null {
  if (outcome.kind === 'exited' && outcome.code === 0) return null;
  if (outOfMemory) return 'needed more memory than it may have; ask for more with resources.memoryMiB';
  switch (outcome.kind) {
    case 'exited':
      return exitText({ exitCode: outcome.code, signal: null });
    case 'signalled':
      return exitText({ exitCode: null, signal: signalName(outcome.signal) });
    case 'not-started':
      return `could not be executed: ${outcome.reason}`;
    case 'lost':
      return `has no exit status: ${outcome.reason}`;
  }
}

/** The end of the output tells more than the exit code; the whole is in the log. */
const shownMaxBytes = 2_048;

/** Of output that is masked already: what is cut off a secret is no longer found. */
function setupError(index: number, label: string, problem: string, masked: Buffer): ErrorInfo {
  const said = masked.subarray(-shownMaxBytes).toString().trim();
  const message = `setup step ${index + 1} (${label}) ${problem}${said === '' ? '' : `; it said last: ${said}`}`;
  return { code: 'setup-failed', message };
}
