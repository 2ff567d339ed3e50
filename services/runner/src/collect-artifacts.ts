/** The files that a task wants kept, from the guest into the object store. */

import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import type { Bus } from '@vm-task/bus/bus';
import type { ArtifactFile } from '@vm-task/guest/artifacts';
import { type ErrorInfo, errorInfo } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import type { GuestLog } from './guest-log.ts';
import { workFolderOf } from './plan-jobs.ts';
import type { Secrets } from './secrets.ts';

type Artifacts = EventData<'task.completed'>['artifacts'];

/** As many as one event can list with the longest names that Linux has, and less than would crowd out the events. */
const limits = { maxFiles: 256, maxBytes: 256 * 1024 * 1024 };

export interface CollectedArtifacts {
  readonly artifacts: Artifacts;
  /** What was refused, or null. Patterns that match nothing are no error. */
  readonly error: ErrorInfo | null;
}

export interface Collecting {
  readonly bus: Bus;
  readonly secrets: Secrets;
  readonly log: GuestLog;
}

/** Everything that matches and may be taken is stored, whatever is refused beside it. @throws as `Contact.reach`. */
export async function collectArtifacts(
  attempt: Attempt,
  contact: Contact,
  patterns: readonly string[],
  collecting: Collecting,
): Promise<CollectedArtifacts> {
  const collection = new Collection(attempt, contact, patterns, collecting);
  const error = await collection.collect(attempt.signal);
  return { artifacts: collection.artifacts, error };
}

/** Who has stopped an attempt waits no longer for its files; the reaper's patience with a runner is longer. */
const stoppedMs = 20_000;

/** The same of an attempt that was stopped, as far as its machine answers in time. @throws the attempt's signal's reason. */
export async function collectOfStopped(
  attempt: Attempt,
  contact: Contact,
  patterns: readonly string[],
  collecting: Collecting,
): Promise<CollectedArtifacts> {
  const collection = new Collection(attempt, contact, patterns, collecting);
  const limit = AbortSignal.timeout(stoppedMs);
  try {
    const error = await collection.collect(AbortSignal.any([attempt.signal, limit]));
    return { artifacts: collection.artifacts, error };
  } catch (error) {
    attempt.signal.throwIfAborted();
    collecting.log.warn({ err: error }, 'not all files of a task that was stopped could be kept');
    const message = limit.aborted ? `not all were read within ${stoppedMs / 1_000} s` : errorInfo(error).message;
    return { artifacts: collection.artifacts, error: { code: 'artifact-refused', message } };
  }
}

class Collection {
  readonly #attempt: Attempt;
  readonly #contact: Contact;
  readonly #patterns: readonly string[];
  readonly #collecting: Collecting;
  /** What is stored. */
  artifacts: Artifacts = [];

  constructor(attempt: Attempt, contact: Contact, patterns: readonly string[], collecting: Collecting) {
    this.#attempt = attempt;
    this.#contact = contact;
    this.#patterns = patterns;
    this.#collecting = collecting;
  }

  /** Returns what was refused, or null. */
  async collect(signal: AbortSignal): Promise<ErrorInfo | null> {
    const patterns = this.#patterns;
    if (patterns.length === 0) return null;
    const { secrets, log } = this.#collecting;
    return this.#contact.reach(async (guest) => {
      this.artifacts = [];
      const request = { cwd: workFolderOf(this.#attempt), patterns, limits, signal };
      const { refused } = await guest.collect(request, (file) => this.#store(file));
      if (this.artifacts.length === 0) log.info({ patterns }, 'no file matches what the task wants kept');
      return refusal(refused, secrets);
    }, signal);
  }

  async #store({ path, content }: ArtifactFile): Promise<void> {
    const { bus, secrets } = this.#collecting;
    const { task, attempt, host } = this.#attempt.ready;
    const stored = await storeArtifact(bus.connection, host, artifactName(task, attempt), content);
    this.artifacts.push({ path: secrets.maskText(path), ...stored });
  }
}

/** A few refusals tell what is wrong. */
const shownMax = 5;

function refusal(refused: readonly { path: string; reason: string }[], secrets: Secrets): ErrorInfo | null {
  if (refused.length === 0) return null;
  const shown = refused.slice(0, shownMax).map(({ path, reason }) => `${path}: ${reason}`);
  const more = refused.length > shown.length ? [`and ${refused.length - shown.length} more`] : [];
  return { code: 'artifact-refused', message: secrets.maskText([...shown, ...more].join('; ')) };
}
