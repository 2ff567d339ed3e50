/** The files that a task wants kept, from the guest into the object store. */

import type { Bus } from '@vm-task/bus/bus';
import { errorInfo } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import type { Guest } from './guest.ts';
import type { GuestLog } from './guest-log.ts';
import { type CollectedArtifacts, keepFiles } from './keep-files.ts';
import { workFolderOf } from './plan-jobs.ts';
import type { Secrets } from './secrets.ts';

type Artifacts = EventData<'task.completed'>['artifacts'];

/** As many as one event can list with the longest names that Linux has, and less than would crowd out the events. */
const limits = { maxFiles: 256, maxBytes: 256 * 1024 * 1024 };

type Wanted = Pick<TaskSpec, 'artifacts' | 'artifactsMayHaveSecrets'>;

export interface Collecting {
  readonly bus: Bus;
  readonly secrets: Secrets;
  readonly log: GuestLog;
}

/**
 * Everything that matches and may be taken is stored, whatever is refused beside it. `within`: until when, and where it is
 * listed as far as it came. @throws as `Contact.reach`.
 */
export async function collectArtifacts(
  attempt: Attempt,
  contact: Contact,
  { artifacts: patterns, artifactsMayHaveSecrets = false }: Wanted,
  { bus, secrets }: Collecting,
  { signal, artifacts }: { readonly signal: AbortSignal; readonly artifacts: Artifacts } = {
    signal: attempt.signal,
    artifacts: [],
  },
): Promise<CollectedArtifacts> {
  if (patterns.length === 0) return { artifacts, error: null };
  const collect = async (guest: Guest) => {
    artifacts.length = 0;
    const request = { cwd: workFolderOf(attempt), patterns, limits, signal };
    return await keepFiles(guest, request, artifacts, {
      ready: attempt.ready,
      bus,
      secrets,
      mayHaveSecrets: artifactsMayHaveSecrets,
    });
  };
  return contact.reach(collect, signal);
}

/** Who has stopped an attempt waits no longer for its files; the reaper's patience with a runner is longer. */
const stoppedMs = 20_000;

/** The same of an attempt that was stopped, as far as its machine answers in time. @throws the attempt's signal's reason. */
export async function collectOfStopped(
  attempt: Attempt,
  contact: Contact,
  wanted: Wanted,
  collecting: Collecting,
): Promise<CollectedArtifacts> {
  const artifacts: Artifacts = [];
  const limit = AbortSignal.timeout(stoppedMs);
  const signal = AbortSignal.any([attempt.signal, limit]);
  try {
    return await collectArtifacts(attempt, contact, wanted, collecting, { signal, artifacts });
  } catch (error) {
    attempt.signal.throwIfAborted();
    collecting.log.warn({ err: error }, 'not all files of a task that was stopped could be kept');
    const message = limit.aborted ? `not all were read within ${stoppedMs / 1_000} s` : errorInfo(error).message;
    return { artifacts, error: { code: 'artifact-refused', message } };
  }
}
