/** The files that a task wants kept, from the guest into the object store. */

import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import type { Bus } from '@vm-task/bus/bus';
import type { ArtifactFile } from '@vm-task/guest/artifacts';
import { type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { EventData, HostToken } from '@vm-task/shared/events';
import { shownPath } from '@vm-task/shared/shown-path';
import { type UnmatchedPattern, unmatchedPatternChars } from '@vm-task/shared/task-ending';
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

/**
 * Everything that matches and may be taken is stored, whatever is refused beside it; where the store is full, what came
 * before. Emits alert.raised, once for a host, of a store that is full. @throws as `Contact.reach`.
 */
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
    const store = async ({ path, content, sizeBytes, executable }: ArtifactFile) => {
      const name = artifactName(task, number);
      const stored = await storeArtifact(bus.connection, host, name, content, sizeBytes);
      artifacts.push({ path: secrets.maskText(path), ...stored, ...(executable ? { executable } : {}) });
    };
    try {
      const { refused, unmatched } = await guest.collect(request, store);
      return { kept: { artifacts, ...namedOf(unmatched) }, error: refusal(refused, secrets) };
    } catch (error) {
      if (!(error instanceof VmTaskError && error.code === 'artifacts-full')) throw error;
      await reportFull(bus, host, attempt.signal);
      return { kept: { artifacts }, error: error.info };
    }
  });
}

/** Without the field where there are none. */
function namedOf(unmatched: readonly UnmatchedPattern[]): Pick<Completed, 'unmatched'> {
  if (unmatched.length === 0) return {};
  return {
    unmatched: unmatched.map(({ pattern, found }) => ({ pattern: pattern.slice(0, unmatchedPatternChars), found })),
  };
}

async function reportFull(bus: Pick<Bus, 'announce'>, host: HostToken, signal: AbortSignal): Promise<void> {
  const text = `${host} has no room for the files that tasks leave: tasks that leave some fail as artifacts-full. See docs/operating.md`;
  const data = { v: 1 as const, severity: 'critical' as const, kind: 'artifacts-full', id: host, text };
  await bus.announce({ type: 'alert.raised', data, host }, signal, { once: true });
}

/** A few refusals tell what is wrong. */
const shownMax = 5;

function refusal(refused: readonly { path: string; reason: string }[], secrets: Secrets): ErrorInfo | null {
  if (refused.length === 0) return null;
  const shown = refused.slice(0, shownMax).map(({ path, reason }) => `${shownPath(path)}: ${reason}`);
  const more = refused.length > shown.length ? [`and ${refused.length - shown.length} more`] : [];
  return { code: 'artifact-refused', message: secrets.maskText([...shown, ...more].join('; ')) };
}
