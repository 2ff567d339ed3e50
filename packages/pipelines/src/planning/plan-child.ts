/** Tasks that tasks submit: they run in the parent's pool, and get nothing that the parent does not have to give. */
import { formatDuration } from '@vm-task/shared/durations';
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData, Stored } from '@vm-task/shared/events';
import { secretNamesOf, type TaskSpec } from '@vm-task/shared/task-spec';
import { parseTaskFile, planTask } from './plan-task.ts';
import type { Pools } from './pools.ts';

type Planned = ReturnType<typeof planTask>;
type Parent = Pick<EventData<'task.created'>, 'pool' | 'spec'>;

/** With no more time and attempts in all than its parent. @throws `child-refused`, and what `planTask` throws. */
export function planChild(file: unknown, parent: Parent, config: Pools): Planned {
  const planned = planTask(file, config);
  const { pool, spec } = planned;
  if (pool !== parent.pool) throw childRefused(`it runs in the pool ${parent.pool}, not in ${pool}`);
  if (spec.children !== undefined) throw childRefused('it may not have children itself');
  if (spec.egress === 'internet' && parent.spec.egress !== 'internet') {
    throw childRefused('its parent has no network to give');
  }
  const further = parent.spec.egress === 'internet' ? [] : withoutAll(spec.allow ?? [], parent.spec.allow ?? []);
  if (further.length > 0) throw childRefused(`its parent does not reach ${further.join(', ')}`);
  const known = new Set(secretNamesOf(parent.spec));
  const foreign = secretNamesOf(spec).find((name) => !known.has(name));
  if (foreign !== undefined) throw childRefused(`its parent does not have the secret ${foreign}`);
  requireWithin(file, parent.spec);
  const maxAttempts = Math.min(spec.retry.maxAttempts, parent.spec.retry.maxAttempts);
  const bounded = { ...spec, retry: { ...spec.retry, maxAttempts } };
  return { pool, spec: withTotal(bounded, parent.spec.timeouts.totalMs) };
}

function withoutAll(texts: readonly string[], known: readonly string[]): string[] {
  return texts.filter((text) => !known.includes(text));
}

/** The child with no more time than its parent had left when it asked. The same question always gives the same. */
export function boundByTime(
  { pool, spec }: Planned,
  { time, data }: { readonly time: Date; readonly data: Pick<Stored<'task.created'>['data'], 'spec'> },
  askedAt: Date,
): Planned {
  const leftMs = time.getTime() + data.spec.timeouts.totalMs - askedAt.getTime();
  // A question may be stored a moment behind its parent's last one.
  return { pool, spec: withTotal(spec, Math.max(shortestTotalMs, leftMs)) };
}

const shortestTotalMs = 1_000;

function withTotal(spec: TaskSpec, maxMs: number): TaskSpec {
  return { ...spec, timeouts: { ...spec.timeouts, totalMs: Math.min(spec.timeouts.totalMs, maxMs) } };
}

/** What it says is taken as it is, or refused; what it does not say is cut. */
function requireWithin(file: unknown, parent: TaskSpec): void {
  const { timeouts = {}, retry } = parseTaskFile(file);
  const { totalMs } = parent.timeouts;
  for (const [key, ms] of Object.entries(timeouts)) {
    if (ms === undefined || ms <= totalMs) continue;
    throw childRefused(
      `timeouts.${key}: ${formatDuration(ms)} is more than the ${formatDuration(totalMs)} of its parent`,
    );
  }
  const attempts = retry?.maxAttempts ?? 1;
  if (attempts <= parent.retry.maxAttempts) return;
  throw childRefused(`retry.maxAttempts: ${attempts} are more than the ${parent.retry.maxAttempts} of its parent`);
}

export function childRefused(why: string): VmTaskError {
  return new VmTaskError('child-refused', `the task may not be submitted from here: ${why}`);
}
