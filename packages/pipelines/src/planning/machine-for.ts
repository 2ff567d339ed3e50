/** Which machine a task gets of its pool, and how much of it. */

import type { ClonePoolConfig, NamedPoolConfig, PoolConfig } from '@vm-task/hypervisor/pool-config';
import { VmTaskError } from '@vm-task/shared/errors';
import { type Size, smallestFitting } from '@vm-task/shared/sizes';
import type { TaskFile } from '@vm-task/shared/task-file';

export interface Machine {
  readonly image: string;
  readonly size: Size;
  readonly egress: 'none' | 'internet';
}

/** Thrown: `no-size-fits`, and `invalid-task` for what nobody can choose of a named VM. */
export function machineFor(file: TaskFile, pool: PoolConfig, name: string): Machine {
  return pool.driver === 'qemu' ? cloneFor(file, pool, name) : shareOf(file, pool, name);
}

/** A clone has a size that its pool offers: the smallest with room for what is asked for. */
function cloneFor(file: TaskFile, pool: ClonePoolConfig, name: string): Machine {
  const size = smallestFitting(pool.sizes, wantedBy(file));
  if (size === null) throw noSizeFits(file, name, pool.sizes);
  return { image: file.image ?? pool.image, size, egress: file.egress ?? 'none' };
}

/** Of a named VM a task gets as much as it asks for, up to what any one may have. */
function shareOf(file: TaskFile, pool: NamedPoolConfig, name: string): Machine {
  if (file.image !== undefined) throw fixed('image', name, 'has the system that it has');
  if (file.egress !== undefined) throw fixed('egress', name, 'has the network that it has');
  const wanted = wantedBy(file);
  if (smallestFitting([pool.size], wanted) === null) throw noSizeFits(file, name, [pool.size]);
  return { image: name, size: { ...pool.size, ...wanted }, egress: 'internet' };
}

function wantedBy({ resources }: TaskFile): Partial<Size> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([, value]) => value !== undefined));
}

function fixed(key: 'image' | 'egress', name: string, why: string): VmTaskError {
  return new VmTaskError('invalid-task', `${key}: the named VM "${name}" ${why}; leave ${key} out`);
}

function noSizeFits(file: TaskFile, name: string, sizes: readonly Size[]): VmTaskError {
  const wanted = JSON.stringify(wantedBy(file));
  const offered = sizes.map((s) => `${s.cpus} cpus, ${s.memoryMiB} MiB memory, ${s.diskMiB} MiB disk`).join(' | ');
  return new VmTaskError(
    'no-size-fits',
    `pool "${name}" has no size for ${wanted}; it offers: ${offered}. Ask for less, or add a size to the pool in vm-task.yaml`,
  );
}
