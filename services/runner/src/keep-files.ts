/** Files of a guest, one after the other, into the store of the host; and what is said of those that are not there. */
import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import type { Bus } from '@vm-task/bus/bus';
import type { ArtifactFile, ArtifactRequest } from '@vm-task/guest/artifacts';
import { type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { EventData, HostToken } from '@vm-task/shared/events';
import { shownPath } from '@vm-task/shared/shown-path';
import { type UnmatchedPattern, unmatchedPatternChars } from '@vm-task/shared/task-ending';
import type { Guest } from './guest.ts';
import type { Secrets } from './secrets.ts';

type Completed = EventData<'task.completed'>;

export interface CollectedArtifacts extends Pick<Completed, 'artifacts' | 'unmatched'> {
  /** What was refused, or null. Patterns that match nothing are no error. */
  readonly error: ErrorInfo | null;
}

export interface Keeping {
  readonly ready: EventData<'vm.ready'>;
  readonly bus: Pick<Bus, 'connection' | 'announce'>;
  readonly secrets: Secrets;
}

/**
 * Stores what the guest gives, and lists it in `artifacts` as far as it came; where the store is full, that is all. Emits
 * alert.raised, once for a host, of a store that is full. @throws as `Guest.collect`.
 */
export async function keepFiles(
  guest: Pick<Guest, 'collect'>,
  request: ArtifactRequest,
  artifacts: Completed['artifacts'],
  { ready, bus, secrets }: Keeping,
): Promise<CollectedArtifacts> {
  const { task, attempt, host } = ready;
  const store = async ({ path, content, sizeBytes, executable }: ArtifactFile) => {
    const stored = await storeArtifact(bus.connection, host, artifactName(task, attempt), content, sizeBytes);
    artifacts.push({ path: secrets.maskText(path), ...stored, ...(executable ? { executable } : {}) });
  };
  try {
    const { refused, unmatched } = await guest.collect(request, store);
    return { artifacts, ...namedOf(unmatched), error: refusal(refused, secrets) };
  } catch (error) {
    if (!(error instanceof VmTaskError && error.code === 'artifacts-full')) throw error;
    await reportFull(bus, host, request.signal);
    return { artifacts, error: error.info };
  }
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
