/** Tasks that tasks submit: they run in the parent's pool, and get nothing that the parent does not have to give. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import { planTask } from './plan-task.ts';
import type { Pools } from './pools.ts';

/** @throws `child-refused`, and what `planTask` throws. */
export function planChild(
  file: unknown,
  parent: Pick<EventData<'task.created'>, 'pool' | 'spec'>,
  config: Pools,
): ReturnType<typeof planTask> {
  const planned = planTask(file, config);
  const { pool, spec } = planned;
  if (pool !== parent.pool) throw childRefused(`it runs in the pool ${parent.pool}, not in ${pool}`);
  if (spec.children !== undefined) throw childRefused('it may not have children itself');
  if (spec.egress === 'internet' && parent.spec.egress !== 'internet') {
    throw childRefused('its parent has no network to give');
  }
  const known = new Set(Object.values(parent.spec.secrets));
  const foreign = Object.values(spec.secrets).find((name) => !known.has(name));
  if (foreign !== undefined) throw childRefused(`its parent does not have the secret ${foreign}`);
  return planned;
}

export function childRefused(why: string): VmTaskError {
  return new VmTaskError('child-refused', `the task may not be submitted from here: ${why}`);
}
