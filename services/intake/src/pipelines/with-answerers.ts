/** Who may answer the stages of a pipeline, by its file and the rules of its team, as they are when it is submitted. */
import type { Bus } from '@vm-task/bus/bus';
import { restrictAnswers } from '@vm-task/pipelines/planning/approvers';
import type { PlannedPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import { additions, isOn } from '@vm-task/shared/features';
import type { Ownership } from '@vm-task/shared/people';
import { createdVersionOf } from '@vm-task/shared/pipelines/spec';

/**
 * @param ownership its team, and who submits it
 * @throws `invalid-pipeline`; `not-switched-on` while a service is there that would let everybody answer
 */
export function withAnswerers(
  { team, principal }: Ownership,
  { spec, parameters }: PlannedPipeline,
  { config, bus }: { readonly config: Pick<SystemConfig, 'teams'>; readonly bus: Pick<Bus, 'features'> },
): PlannedPipeline {
  const isStrict = team !== undefined && config.teams[team]?.approvals === 'strict';
  const restricted = restrictAnswers(spec, principal, isStrict ? team : null);
  const { version } = bus.features;
  if (createdVersionOf(restricted) === 1 || isOn(additions['pipeline.created@2'], version)) {
    return { spec: restricted, parameters };
  }
  const why = version === null ? 'what all services can read is not known yet' : `a service of ${version} is there`;
  throw new VmTaskError(
    'not-switched-on',
    `the pipeline says who may answer, and an older service would let everybody: ${why}; ./vm-task doctor shows the versions`,
  );
}
