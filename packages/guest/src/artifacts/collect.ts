/** Files that a task leaves for its submitter, read out of the guest. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { UnmatchedPattern } from '@vm-task/shared/task-ending';
import type { Stats } from 'ssh2';
import type { GuestConnection } from '../connect.ts';
import { parsePatterns } from './patterns.ts';
import { Sftp } from './sftp.ts';
import { Unmatched } from './unmatched.ts';
import { type Found, walk } from './walk.ts';

export interface ArtifactLimits {
  readonly maxFiles: number;
  /** Of all files together, counted as they are read: a sparse terabyte ends here too. */
  readonly maxBytes: number;
}

export interface ArtifactFile {
  /** Relative to the working directory, with `/` and without `.` or `..`. */
  readonly path: string;
  /** What the file had before it was read; `content` has the last word. */
  readonly sizeBytes: number;
  /** By its owner. */
  readonly executable: boolean;
  /** Throws `artifact-refused` when more comes than may come. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ArtifactReport {
  readonly collected: readonly { readonly path: string; readonly sizeBytes: number }[];
  /** What matched and was not taken, with a sentence each: a link out, a device, one file or byte too many. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
  /** Patterns that no file matches; none where the files were not looked at to their end. */
  readonly unmatched: readonly UnmatchedPattern[];
}

export interface ArtifactRequest {
  readonly cwd: string;
  readonly patterns: readonly string[];
  readonly limits: ArtifactLimits;
  readonly signal: AbortSignal;
}

/** S_IXUSR. */
const ownerMayExecute = 0o100;
/** What stands for bytes that are no UTF-8: a name is read as that, and asked for it the machine knows no such file. */
const notText = '\ufffd';
const notUtf8 = `its name is not UTF-8 (\\ufffd stands for what cannot be read); rename it, or pack it with tar`;
const packThem = 'keep fewer, or pack them with tar';

/** So many refusals say enough; a million would be a report without end. */
const refusedMax = 100;

/**
 * Gives every regular file under `cwd` that matches a pattern to `sink`, one after the other, without holding any
 * in memory. @throws `artifact-refused` for a pattern that is absolute or has `..`, before anything is read;
 * `ssh-lost`, `guest-failed`; whatever `sink` throws.
 */
export async function collectArtifacts(
  connection: GuestConnection,
  request: ArtifactRequest,
  sink: (file: ArtifactFile) => Promise<void>,
): Promise<ArtifactReport> {
  const patterns = parsePatterns(request.patterns);
  using sftp = await Sftp.open(connection, request.signal);
  const root = await sftp.realpath(request.cwd);
  const collection = new Collection(sftp, root, request.limits, sink);
  const unmatched = new Unmatched(patterns);
  for await (const found of walk(sftp, { root, patterns, unmatched })) {
    await collection.add(found);
    if (collection.isOver) break;
  }
  const { collected, refused, isOver } = collection;
  return { collected, refused, unmatched: isOver ? [] : unmatched.patterns };
}

class Collection {
  readonly collected: { path: string; sizeBytes: number }[] = [];
  readonly refused: { path: string; reason: string }[] = [];
  readonly #sftp: Sftp;
  readonly #root: string;
  readonly #limits: ArtifactLimits;
  readonly #sink: (file: ArtifactFile) => Promise<void>;
  #bytes = 0;
  isOver = false;

  constructor(sftp: Sftp, root: string, limits: ArtifactLimits, sink: (file: ArtifactFile) => Promise<void>) {
    this.#sftp = sftp;
    this.#root = root;
    this.#limits = limits;
    this.#sink = sink;
  }

  async add(found: Found): Promise<void> {
    const { path } = found;
    if (found.kind === 'gave-up') return this.#end(path, found.reason);
    if (found.kind === 'closed') return this.#refuse(path, found.reason);
    if (this.collected.length === this.#limits.maxFiles) {
      return this.#end(path, `more than ${this.#limits.maxFiles} files match; ${packThem}`);
    }
    const stats = await this.#statsOf(found);
    if (typeof stats === 'string') return this.#refuse(path, stats);
    if (stats.size > this.#left) return this.#refuse(path, this.#tooLarge(stats.size));
    await this.#take(path, stats);
  }

  async #take(path: string, { size: sizeBytes, mode }: Stats): Promise<void> {
    const before = this.#bytes;
    try {
      const executable = (mode & ownerMayExecute) !== 0;
      await this.#sink({ path, sizeBytes, executable, content: this.#content(path) });
      this.collected.push({ path, sizeBytes: this.#bytes - before });
    } catch (error) {
      if (!isAboutThisFile(error)) throw error;
      this.#refuse(path, error.message);
    }
  }

  async *#content(path: string): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of this.#sftp.read(`${this.#root}/${path}`)) {
      if (chunk.length > this.#left) {
        throw new VmTaskError('artifact-refused', this.#tooLarge(null));
      }
      this.#bytes += chunk.length;
      yield chunk;
    }
  }

  /** Of a regular file that is in the working directory, or why it is not taken. */
  async #statsOf({ path, stats }: Extract<Found, { kind: 'entry' }>): Promise<Stats | string> {
    if (stats.isFile()) return stats;
    if (!stats.isSymbolicLink()) return 'it is no regular file';
    try {
      const target = await this.#sftp.realpath(`${this.#root}/${path}`);
      if (!target.startsWith(`${this.#root}/`)) return 'it is a link that leads out of the working directory';
      const there = await this.#sftp.stat(target);
      return there.isFile() ? there : 'it is a link to what is no regular file';
    } catch (error) {
      if (isAboutThisFile(error)) return 'it is a link that leads nowhere';
      throw error;
    }
  }

  get #left(): number {
    return this.#limits.maxBytes - this.#bytes;
  }

  #tooLarge(size: number | null): string {
    const has = size === null ? 'it has more bytes than' : `it has ${size} bytes and`;
    return `${has} ${this.#left} are left of the ${this.#limits.maxBytes} that all artifacts together may have; keep less, or compress it`;
  }

  #refuse(path: string, reason: string): void {
    this.refused.push({ path, reason: path.includes(notText) ? notUtf8 : reason });
    if (this.refused.length === refusedMax) this.isOver = true;
  }

  #end(path: string, reason: string): void {
    this.#refuse(path, reason);
    this.isOver = true;
  }
}

/** Too large, or the guest cannot read it; the others may still be fine. */
function isAboutThisFile(error: unknown): error is VmTaskError {
  return error instanceof VmTaskError && (error.code === 'artifact-refused' || error.code === 'guest-failed');
}
