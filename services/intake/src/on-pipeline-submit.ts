/** Handles pipeline.submit. Emits: pipeline.created. The id follows from the command, so a redelivery makes no second one. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import type { SystemConfig } from '@vm-task/service/config';
import { anyHost } from '@vm-task/shared/events';
import { pipelineIdFromCause } from '@vm-task/shared/new-ids';
import { natsSubmitter } from '@vm-task/shared/people';
import { createdVersionOf } from '@vm-task/shared/pipelines/spec';
import type { Admission } from './admission.ts';
import { roomPauseMs } from './on-task-submit.ts';
import type { ReadPipeline } from './pipelines/pipeline-reader.ts';
import { withAnswerers } from './pipelines/with-answerers.ts';
import { planOrReason } from './plan-or-reason.ts';

export interface SubmitPipelineDeps {
  readonly bus: Pick<Bus, 'features'>;
  readonly config: SystemConfig;
  readonly admission: Pick<Admission, 'refusal'>;
  readonly readPipeline: ReadPipeline;
}

/** As with tasks, what cannot be a pipeline becomes a dead letter and an alert. */
export async function onPipelineSubmit(
  deps: SubmitPipelineDeps,
  { event }: Handling<RawMessage>,
): Promise<HandlerOutcome> {
  const pipeline = pipelineIdFromCause(event.time.getTime(), 'COMMANDS', String(event.seq));
  // Asked before it is planned: the configuration may have changed since it was created.
  if ((await deps.readPipeline(pipeline)) !== null) return done();
  const ownership = { principal: natsSubmitter };
  const plan = () => withAnswerers(ownership, planPipeline(parseJson(event), deps.config), deps);
  const planned = planOrReason(plan);
  if (typeof planned === 'string') return reject(planned);
  const full = await deps.admission.refusal({ keepsFiles: false });
  if (full !== null) return retry(roomPauseMs, full);
  const cause = { kind: 'command' as const, id: String(event.seq) };
  const data = {
    v: createdVersionOf(planned.spec),
    pipeline,
    spec: planned.spec,
    parameters: { ...planned.parameters },
    cause,
    resumed: null,
    ...ownership,
  };
  return done({ type: 'pipeline.created', data, host: anyHost }, { expectedSeq: 0 });
}
