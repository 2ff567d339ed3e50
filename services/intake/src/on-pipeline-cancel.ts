/** Handles pipeline.cancel. Emits: pipeline.cancelling. A pipeline that has ended meanwhile is left alone. */
import type { Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject } from '@vm-task/bus/outcome';
import { pipelineCancelSchema } from '@vm-task/shared/commands';
import { natsSubmitter } from '@vm-task/shared/people';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { type CancellingPipeline, cancelPipeline } from './pipelines/cancel-pipeline.ts';

export async function onPipelineCancel(
  deps: CancellingPipeline,
  { event, signal, log }: Handling<RawMessage>,
): Promise<HandlerOutcome> {
  const parsed = pipelineCancelSchema.safeParse(parseJson(event));
  if (!parsed.success) return reject(explainIssues(parsed.error, pipelineCancelSchema));
  const { pipeline, reason } = parsed.data;
  const request = { by: `command ${event.seq}`, reason, principal: natsSubmitter };
  const cancelled = await cancelPipeline(deps, pipeline, request, signal);
  if (cancelled.kind === 'unknown') return reject(`there is no pipeline ${pipeline}`);
  log.info({ pipeline, ...cancelled }, 'asked to cancel');
  return done();
}
