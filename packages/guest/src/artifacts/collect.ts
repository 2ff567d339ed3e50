/** Files that a task leaves for its submitter, read out of the guest. */
import type { GuestConnection } from '../connect.ts';

export interface ArtifactLimits {
  readonly maxFiles: number;
  /** Of all files together, counted as they are read: a sparse terabyte ends here too. */
  readonly maxBytes: number;
}

export interface ArtifactFile {
  /** Relative to the working directory, with `/` and without `.` or `..`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Throws `artifact-refused` when more comes than may come. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ArtifactReport {
  readonly collected: readonly { readonly path: string; readonly sizeBytes: number }[];
  /** What matched and was not taken, with a sentence each: a link out, a device, one file or byte too many. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Gives every regular file under `cwd` that matches a pattern to `sink`, one after the other, without holding any
 * in memory. Thrown: `artifact-refused` for a pattern that is absolute or has `..`, before anything is read;
 * `ssh-lost`; whatever `sink` throws.
 */
export async function collectArtifacts(
  _connection: GuestConnection,
  _request: {
    readonly cwd: string;
    readonly patterns: readonly string[];
    readonly limits: ArtifactLimits;
    readonly signal: AbortSignal;
  },
  _sink: (file: ArtifactFile) => Promise<void>,
): Promise<ArtifactReport> {
  throw new Error('soon');
}
