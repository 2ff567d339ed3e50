/** The files that a task wants kept, from the guest into the object store. */

import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import type { Bus } from '@vm-task/bus/bus';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import { shownPath } from '@vm-task/shared/shown-path';
import { unmatchedPatternChars } from '@vm-task/shared/task-ending';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import { workFolderOf } from './plan-jobs.ts';
import type { Secrets } from './secrets.ts';

type Completed = EventData<'task.completed'>;

/** As many as one event can list with the longest names that Linux has, and less than would crowd out the events. */
const limits = { maxFiles: 256, maxBytes: 256 * 1024 * 1024 };

export interface CollectedArtifacts {
  readonly kept: Pick<Completed, 'artifacts' | 'unmatched'>;
  /** What was refused, or null. Patterns that match nothing are no error. */
  readonly error: ErrorInfo | null;
}

/** Everything that matches and may be taken is stored, whatever is refused beside it. @throws as `Contact.reach`. */
export async function collectArtifacts(
  attempt: Attempt,
  contact: Contact,
  patterns: readonly string[],
  { bus, secrets }: { readonly bus: Bus; readonly secrets: Secrets },
): Promise<CollectedArtifacts> {
  if (patterns.length === 0) return { kept: { artifacts: [] }, error: null };
  const { task, attempt: number, host } = attempt.ready;
  return contact.reach(async (guest) => {
    const artifacts: Completed['artifacts'] = [];
    const request = { cwd: workFolderOf(attempt), patterns, limits, signal: attempt.signal };
    const { refused, unmatched } = await guest.collect(request, async (file) => {
      const path = secrets.maskText(file.path);
      artifacts.push({
        path,
        ...(await storeArtifact(bus.connection, host, artifactName(task, number), file.content)),
        ...(file.executable ? { executable: true } : {}),
      });
    });
    const named = unmatched.map(({ pattern, found }) => ({ pattern: pattern.slice(0, unmatchedPatternChars), found }));
    const kept = { artifacts, ...(named.length === 0 ? {} : { unmatched: named }) };
    return { kept, error: refusal(refused, secrets) };
  });
}

/** A few refusals tell what is wrong. */
const shownMax = 5;

function refusal(refused: readonly { path: string; reason: string }[], secrets: Secrets): ErrorInfo | null {
  if (refused.length === 0) return null;
  const shown = refused.slice(0, shownMax).map(({ path, reason }) => `${shownPath(path)}: ${reason}`);
  const more = refused.length > shown.length ? [`and ${refused.length - shown.length} more`] : [];
  return { code: 'artifact-refused', message: secrets.maskText([...shown, ...more].join('; ')) };
}
