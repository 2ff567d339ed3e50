/** The files that a task wants kept, from the guest into the object store. */

import type { Bus } from '@vm-task/bus/bus';
import type { EventData } from '@vm-task/shared/events';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import { type CollectedArtifacts, keepFiles } from './keep-files.ts';
import { workFolderOf } from './plan-jobs.ts';
import type { Secrets } from './secrets.ts';

type Artifacts = EventData<'task.completed'>['artifacts'];

/** As many as one event can list with the longest names that Linux has, and less than would crowd out the events. */
const limits = { maxFiles: 256, maxBytes: 256 * 1024 * 1024 };

/** Everything that matches and may be taken is stored, whatever is refused beside it. @throws as `Contact.reach`. */
export async function collectArtifacts(
  attempt: Attempt,
  contact: Contact,
  patterns: readonly string[],
  { bus, secrets }: { readonly bus: Bus; readonly secrets: Secrets },
): Promise<CollectedArtifacts> {
  if (patterns.length === 0) return { artifacts: [], error: null };
  return contact.reach(async (guest) => {
    const artifacts: Artifacts = [];
    const request = { cwd: workFolderOf(attempt), patterns, limits, signal: attempt.signal };
    return keepFiles(guest, request, artifacts, { ready: attempt.ready, bus, secrets });
  });
}
