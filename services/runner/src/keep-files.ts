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
  /** Otherwise a file that contains one of them is left out. */
  readonly mayHaveSecrets: boolean;
}

/**
 * Stores what the guest gives, and lists it in `artifacts` as far as it came; where the store is full, that is all. Emits
 * alert.raised, once for a host, of a store that is full. @throws as `Guest.collect`.
 */
export async function keepFiles(
  guest: Pick<Guest, 'collect'>,
  request: ArtifactRequest,
  artifacts: Completed['artifacts'],
  { ready, bus, secrets, mayHaveSecrets }: Keeping,
): Promise<CollectedArtifacts> {
  const { task, attempt, host } = ready;
  const withSecret: string[] = [];
  const store = async ({ path, content, sizeBytes, executable }: ArtifactFile) => {
    const checked = mayHaveSecrets || secrets.isEmpty ? content : withoutSecrets(content, secrets);
    try {
      const stored = await storeArtifact(bus.connection, host, artifactName(task, attempt), checked, sizeBytes);
      artifacts.push({ path: secrets.maskText(path), ...stored, ...(executable ? { executable } : {}) });
    } catch (error) {
      if (!(error instanceof FoundSecret)) throw error;
      withSecret.push(path);
    }
  };
  try {
    const { refused, unmatched } = await guest.collect(request, store);
    return { artifacts, ...namedOf(unmatched), error: refusal(refused, withSecret, secrets) };
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

/** A secret in a file weighs more than what was refused beside it, which is told as well. */
function refusal(
  refused: readonly { path: string; reason: string }[],
  withSecret: readonly string[],
  secrets: Secrets,
): ErrorInfo | null {
  const found = withSecret.map((path) => ({ path, reason: 'it contains a secret of the task and was not kept' }));
  const all = [...found, ...refused];
  if (all.length === 0) return null;
  const shown = all.slice(0, shownMax).map(({ path, reason }) => `${shownPath(path)}: ${reason}`);
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more`] : [];
  const message = secrets.maskText([...shown, ...more].join('; '));
  if (found.length === 0) return { code: 'artifact-refused', message };
  return {
    code: 'artifact-has-secret',
    message: `${message}. Where it may, write artifacts: {paths, allowSecrets: true}`,
  };
}

class FoundSecret extends Error {}

/**
 * The same bytes as long as no secret is among them, in any form that is masked in output. What may be the beginning of
 * one is held back, so no part of a secret is given on. @throws FoundSecret
 */
async function* withoutSecrets(
  content: AsyncIterable<Uint8Array>,
  secrets: Pick<Secrets, 'masker'>,
): AsyncGenerator<Uint8Array, void, void> {
  const masker = secrets.masker();
  for await (const chunk of content) {
    const clean = masker.push(chunk);
    if (masker.hasFound) throw new FoundSecret('the file contains a secret');
    if (clean.length > 0) yield clean;
  }
  yield masker.flush();
}
