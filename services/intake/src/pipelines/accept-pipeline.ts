/** Accepting a pipeline by HTTP, as `accept-task.ts` does with tasks: a yes only after the stream's acknowledgement (I1). */
import type { Bus } from '@vm-task/bus/bus';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type Draft, type EventData } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { newPipelineId, pipelineIdFromCause } from '@vm-task/shared/new-ids';
import { type Ownership, ownershipOf, type Principal } from '@vm-task/shared/people';
import { createdVersionOf } from '@vm-task/shared/pipelines/spec';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import { type AcceptanceOf, acceptOnce, keyOfTeam, type OnceDeps } from '../accept-once.ts';
import type { ReadPipeline } from './pipeline-reader.ts';
import { recordedOf } from './recorded.ts';
import { withAnswerers } from './with-answerers.ts';

export interface PipelineAcceptance extends OnceDeps {
  readonly bus: Pick<Bus, 'append' | 'features'>;
  readonly config: SystemConfig;
  readonly readPipeline: ReadPipeline;
  readonly now: () => number;
}

export type AcceptedPipeline = AcceptanceOf<PipelineId>;

interface Keyed {
  readonly body: unknown;
  readonly key: string | null;
  /** Whose it is from now on. */
  readonly ownership?: Ownership;
}

/** @throws what `planPipeline` throws, `stream-full`, `quota-exceeded`, `idempotency-conflict`, the abort's reason. */
export async function acceptPipeline(
  deps: PipelineAcceptance,
  submission: Keyed & { readonly requestId: string },
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  const cause = { kind: 'http' as const, id: submission.requestId };
  const plan = () => {
    const planned = planPipeline(submission.body, deps.config);
    const { spec, parameters } = withAnswerers(submission.ownership ?? {}, planned, deps);
    return { spec, parameters: { ...parameters }, cause, resumed: null };
  };
  return accept(deps, plan, submission, signal);
}

/**
 * A new pipeline that goes on where an earlier one failed: what succeeded there counts as done. It is for the same team, and
 * whoever submitted the earlier one is its submitter, too, whoever resumes it.
 * @throws `pipeline-not-resumable`, `stream-full`, `quota-exceeded`, `idempotency-conflict`, the abort's reason.
 */
export async function acceptResumption(
  deps: PipelineAcceptance,
  earlier: PipelineState,
  { key, principal }: { readonly key: string | null; readonly principal?: Principal },
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  const from = earlier.pipeline;
  const ownership = ownershipOf({ team: earlier.team, principal });
  const { submitter } = earlier;
  const plan = () => {
    requireUnsuccessful(earlier);
    const { spec, parameters } = withAnswerers({ team: earlier.team, principal: submitter }, earlier, deps);
    const cause = { kind: 'resume' as const, id: from };
    const resumed = { from, ...recordedOf(earlier) };
    return { spec, parameters: { ...parameters }, cause, resumed, ...(submitter === undefined ? {} : { submitter }) };
  };
  return accept(deps, plan, { body: { resume: from }, key, ownership }, signal);
}

function requireUnsuccessful({ pipeline, phase }: PipelineState): void {
  if (phase.name === 'over' && phase.outcome !== 'succeeded') return;
  const why = phase.name === 'over' ? 'it has succeeded' : 'it has not ended yet; cancel it first';
  throw new VmTaskError('pipeline-not-resumable', `pipeline ${pipeline} cannot be resumed: ${why}`);
}

function accept(
  deps: PipelineAcceptance,
  plan: () => Omit<EventData<'pipeline.created'>, 'v' | 'pipeline'>,
  { body, key, ownership = {} }: Keyed,
  signal: AbortSignal,
): Promise<AcceptedPipeline> {
  const { now, readPipeline } = deps;
  const newId = () =>
    key === null ? newPipelineId(now()) : pipelineIdFromCause(now(), 'http', keyOfTeam(key, ownership));
  const planOnce = () => {
    const planned = plan();
    return (pipeline: PipelineId): Draft => ({
      type: 'pipeline.created',
      data: { v: createdVersionOf(planned.spec), pipeline, ...planned, ...ownershipOf(ownership) },
      host: anyHost,
    });
  };
  return acceptOnce(
    deps,
    { what: 'pipeline', body, key, ownership, newId, find: readPipeline, plan: planOnce },
    signal,
  );
}
