/** How each attempt and each task ended: as its processes do, unless it was cancelled or its machine was killed (I9). */
import type { Stored } from '@vm-task/shared/events';
import type { Broken, Evidence } from './evidence.ts';
import type { PlannedTask } from './planned-task.ts';
import type { Submission } from './submitter.ts';

export function checkOutcomes({ submissions, deeds, streams: { events } }: Evidence): Broken[] {
  const killed = new Set(deeds.flatMap(({ act, vm }) => (act === 'kill' && vm !== null ? [vm] : [])));
  const named = new Set<string>(events.flatMap((event) => (event.type === 'vm.ready' ? [event.data.vm] : [])));
  // Machines that were killed while they were made: for each of them one attempt may have got none.
  const unmade = [...killed].filter((vm) => !named.has(vm)).length;
  const failures: { vm: string | null; name: string; why: string }[] = [];
  const found = submissions.flatMap((submission) => {
    const id = idOf(submission, events);
    const ends = events.filter((event) => isEnd(event) && event.data.task === id) as End[];
    return ends.flatMap((end) => {
      const why = unlike(submission, end);
      if (why === null) return [];
      const name = `task ${submission.task.number} (${submission.task.kind}, ${id}), attempt ${end.data.attempt}: ${why}`;
      if (isLoss(submission.task, end)) failures.push({ vm: end.data.vm, name, why });
      else return [name];
      return [];
    });
  });
  const withoutVm = failures.filter(({ vm }) => vm === null);
  const unexplained = failures.filter(({ vm }) => vm !== null && !killed.has(vm));
  return [...found, ...unexplained.map(({ name }) => name), ...withoutVm.slice(unmade).map(({ name }) => name)].map(
    (what) => ({ promise: 'the right outcome', what }),
  );
}

type End = Stored<'task.completed'> | Stored<'task.retrying'>;

function isEnd(event: Stored): event is End {
  return event.type === 'task.completed' || event.type === 'task.retrying';
}

function idOf({ task, ids }: Submission, events: readonly Stored[]): string | undefined {
  const [id] = ids;
  const created = events.find(
    (event) => event.type === 'task.created' && event.data.spec.env['CHAOS_TASK'] === String(task.number),
  );
  return id ?? (created?.type === 'task.created' ? created.data.task : undefined);
}

/** Null when the attempt ended as its own processes say; else how it ended. */
function unlike({ task, cancel }: Submission, end: End): string | null {
  if (end.type === 'task.retrying') return end.data.exitCode === task.exitCode ? null : said(end);
  const { outcome, exitCode, artifacts } = end.data;
  if (outcome === 'cancelled' && cancel !== 'not asked') return null;
  if (outcome !== task.outcome) return said(end);
  if (outcome !== 'timed_out' && exitCode !== task.exitCode) return said(end);
  const lacksArtifact = task.artifact !== null && artifacts[0]?.sha256 !== task.artifact.sha256;
  return lacksArtifact ? 'its artifact is not what it wrote' : null;
}

function said({ type, data }: End): string {
  const outcome = 'outcome' in data ? data.outcome : 'retrying';
  return `${type}: ${outcome}, exit code ${data.exitCode}, ${data.error?.code}: ${data.error?.message.slice(0, 200)}`;
}

/** The machine is said to be at fault; whether it was killed is looked at then. A task gives up when its policy says so. */
function isLoss(task: PlannedTask, { type, data }: End): boolean {
  const ofMachine = ['vm-lost', 'vm-not-started', 'ssh-unreachable', 'ssh-lost', 'identity-failed', 'guest-failed'];
  if (data.error === null || !ofMachine.includes(data.error.code)) return false;
  return type === 'task.retrying' || !task.survivesLoss || data.attempt >= task.maxAttempts;
}
