/** Accepting a pipeline by HTTP, as `accept-task.ts` does with tasks: a yes only after the stream's acknowledgement (I1). */
import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type EventData } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { newPipelineId, pipelineIdFromCause } from '@vm-task/shared/new-ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import type { Acceptance } from '../accept-task.ts';
import { idOfKey } from '../id-of-key.ts';
import type { ReadPipeline } from './pipeline-reader.ts';
import { recordedOf } from './recorded.ts';

export interface PipelineAcceptance extends Omit<Acceptance, 'findCreated' | 'claimKey'> {
  readonly readPipeline: ReadPipeline;
  readonly claimPipelineKey: (
    key: string,
    wanted: IdempotencyEntry<PipelineId>,
  ) => Promise<IdempotencyEntry<PipelineId>>;
}

export interface AcceptedPipeline {
  readonly id: PipelineId;
  readonly seq: number;
}

interface Keyed {
  readonly body: unknown;
  readonly key: string | null;
}

/** @throws what `planPipeline` throws, `stream-full`, `idempotency-conflict`, the abort's reason. */
export async function acceptPipeline(
  deps: PipelineAcceptance,
  submission: Keyed & { readonly requestId: string },
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  const { spec, parameters } = planPipeline(submission.body, deps.config);
  const cause = { kind: 'http' as const, id: submission.requestId };
  return accept(deps, { spec, parameters: { ...parameters }, cause, resumed: null }, submission, signal);
}

/**
 * A new pipeline that goes on where an earlier one failed: what succeeded there counts as done.
 * @throws `pipeline-not-found`, `pipeline-not-resumable`, `stream-full`, `idempotency-conflict`, the abort's reason.
 */
export async function acceptResumption(
  deps: PipelineAcceptance,
  from: PipelineId,
  key: string | null,
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  const earlier = await deps.readPipeline(from);
  if (earlier === null) throw new VmTaskError('pipeline-not-found', `pipeline ${from} is no longer kept`);
  requireUnsuccessful(earlier);
  const { spec, parameters } = earlier;
  const cause = { kind: 'resume' as const, id: from };
  const data = { spec, parameters: { ...parameters }, cause, resumed: { from, ...recordedOf(earlier) } };
  return accept(deps, data, { body: { resume: from }, key }, signal);
}

function requireUnsuccessful({ pipeline, phase }: PipelineState): void {
  if (phase.name === 'over' && phase.outcome !== 'succeeded') return;
  const why = phase.name === 'over' ? 'it has succeeded' : 'it has not ended yet; cancel it first';
  throw new VmTaskError('pipeline-not-resumable', `pipeline ${pipeline} cannot be resumed: ${why}`);
}

async function accept(
  deps: PipelineAcceptance,
  planned: Omit<EventData<'pipeline.created'>, 'v' | 'pipeline'>,
  keyed: Keyed,
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  await deps.admission.requireRoom();
  const id = await idOf(deps, keyed);
  const earlier = keyed.key === null ? null : await deps.readPipeline(id);
  if (earlier !== null) return { id, seq: earlier.seq };
  const draft = { type: 'pipeline.created', data: { v: 1, pipeline: id, ...planned }, host: anyHost } as const;
  const appended = await deps.bus.append(draft, 0, signal);
  // A conflict means that it goes on already: another request with the same key was faster.
  return { id, seq: appended.kind === 'stored' ? appended.event.seq : (appended.head?.seq ?? 0) };
}

async function idOf(deps: PipelineAcceptance, { key, body }: Keyed): Promise<PipelineId> {
  if (key === null) return newPipelineId(deps.now());
  const id = pipelineIdFromCause(deps.now(), 'http', key);
  return idOfKey('pipeline', { body, key }, id, (wanted) => deps.claimPipelineKey(`pipeline ${key}`, wanted));
}
