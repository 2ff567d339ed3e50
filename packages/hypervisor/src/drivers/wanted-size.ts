/** What a task asks for, against what a pool has: for the drivers that plan. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Size } from '@vm-task/shared/sizes';
import type { TaskFile } from '@vm-task/shared/task-file';

/** Only the dimensions that the task names. */
export function wantedBy({ resources }: TaskFile): Partial<Size> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([, value]) => value !== undefined));
}

export function noSizeFits(file: TaskFile, pool: string, sizes: readonly Size[]): VmTaskError {
  const wanted = JSON.stringify(wantedBy(file));
  const offered = sizes.map((s) => `${s.cpus} cpus, ${s.memoryMiB} MiB memory, ${s.diskMiB} MiB disk`).join(' | ');
  return new VmTaskError(
    'no-size-fits',
    `pool "${pool}" has no size for ${wanted}; it offers: ${offered}. Ask for less, or add a size to the pool in vm-task.yaml`,
  );
}
