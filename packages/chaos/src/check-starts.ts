/** Starts of processes (I8): by the machines' consoles, and by the nonce that each start prints into its output. */
import type { Stored } from '@vm-task/shared/events';
import { logStreams } from '@vm-task/shared/subjects';
import type { Broken, Evidence } from './evidence.ts';
import { noncesIn } from './expected-output.ts';
import { outputKey } from './watch-streams.ts';

export interface StartCheck {
  readonly broken: readonly Broken[];
  /** Processes that the consoles reported. */
  readonly starts: number;
  /** The most that one step of one attempt was started. */
  readonly most: number;
}

export function checkStarts({ submissions, streams, starts, watched }: Evidence): StartCheck {
  const attempts = streams.events.filter((event) => event.type === 'vm.ready');
  const ofVm = new Map<string, Stored<'vm.ready'>>(attempts.map((event) => [event.data.vm, event]));
  const broken: string[] = [];
  const counts = new Map<string, number>();
  for (const { vm, task, step } of starts) {
    const ready = ofVm.get(vm);
    if (ready === undefined) broken.push(`${vm} started ${step} of task ${task}, and is nobody's`);
    const step0 = `${ready?.data.task} attempt ${ready?.data.attempt} ${step}`;
    counts.set(step0, (counts.get(step0) ?? 0) + 1);
  }
  for (const [step, count] of counts) if (count > 1) broken.push(`${step} was started ${count} times`);
  for (const { data } of attempts) {
    if (!watched.has(data.vm)) broken.push(`the console of ${data.vm} was not seen`);
    const told = new Set(starts.filter(({ vm }) => vm === data.vm).map(({ nonce }) => nonce));
    const output = logStreams.flatMap((stream) => streams.output.get(outputKey(data.task, data.attempt, stream)) ?? []);
    const unreported = noncesIn(Buffer.concat(output.map(({ bytes }) => bytes))).filter((nonce) => !told.has(nonce));
    broken.push(...unreported.map((nonce) => `${data.task} attempt ${data.attempt}: ${nonce} is from no console`));
  }
  broken.push(...unstarted({ submissions, streams, starts }, ofVm));
  return {
    broken: broken.map((what) => ({ promise: 'one start per attempt and step', what })),
    starts: starts.length,
    most: Math.max(0, ...counts.values()),
  };
}

/** Whoever succeeded has started everything, in the attempt that succeeded. */
function unstarted(
  { submissions, streams, starts }: Pick<Evidence, 'submissions' | 'streams' | 'starts'>,
  ofVm: ReadonlyMap<string, Stored<'vm.ready'>>,
): string[] {
  const byTask = new Map(submissions.map(({ task }) => [task.number, task]));
  return streams.events.flatMap((event) => {
    if (event.type !== 'task.completed' || event.data.outcome !== 'succeeded') return [];
    const { vm, task } = event.data;
    const own = starts.filter((start) => start.vm === vm);
    const planned = byTask.get(own[0]?.task ?? Number.NaN);
    if (planned === undefined || ofVm.get(vm ?? '')?.data.task !== task)
      return [`${task} succeeded in ${vm}, which started nothing`];
    const missing = planned.steps.filter((step) => !own.some((start) => start.step === step));
    return missing.map((step) => `${task} succeeded and never started ${step}`);
  });
}
