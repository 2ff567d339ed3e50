/** The shape of a VM: what a pool offers and what a task may ask for. */
import { z } from 'zod';

export const sizeSchema = z.strictObject({
  cpus: z.int().min(1).max(64),
  memoryMiB: z.int().min(128).max(1_048_576),
  diskMiB: z.int().min(512).max(4_194_304),
});

export type Size = z.infer<typeof sizeSchema>;

/** The smallest size that has at least what is asked for in every dimension, or null where none has. */
export function smallestFitting(sizes: readonly Size[], wanted: Partial<Size>): Size | null {
  const fitting = sizes.filter(
    (size) =>
      size.cpus >= (wanted.cpus ?? 0) &&
      size.memoryMiB >= (wanted.memoryMiB ?? 0) &&
      size.diskMiB >= (wanted.diskMiB ?? 0),
  );
  fitting.sort((a, b) => a.memoryMiB - b.memoryMiB || a.cpus - b.cpus || a.diskMiB - b.diskMiB);
  return fitting[0] ?? null;
}
