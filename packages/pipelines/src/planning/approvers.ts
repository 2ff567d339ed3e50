/** Who may answer the stages of a pipeline that wait for people: known when it is submitted, and kept with it. */
import type { Answerers } from '@vm-task/shared/answerers';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Principal } from '@vm-task/shared/people';
import type { StageFile } from '@vm-task/shared/pipelines/file';
import type { PipelineSpec, StageSpec } from '@vm-task/shared/pipelines/spec';

/** As a stage's file says it. */
export function answerersIn({ approvers, allowSubmitter }: StageFile['own']): Pick<StageSpec, 'answerers'> {
  if (approvers === undefined) return {};
  return { answerers: { tokens: [...new Set(approvers)], submitter: allowSubmitter ?? false } };
}

export function approverProblems(
  name: string,
  { kind = 'task', approvers, allowSubmitter }: StageFile['own'],
): string[] {
  const at = `stages.${name}`;
  if (approvers !== undefined && kind === 'task')
    return [`${at}.approvers: goes with kind external or approval; nobody answers a task`];
  if (approvers === undefined && allowSubmitter !== undefined)
    return [`${at}.allowSubmitter: goes with approvers; without them, whoever has the role may answer`];
  return [];
}

/**
 * The same pipeline as it is for whoever submits it. `strictTeam`: its team, where in that nobody answers what they have
 * submitted themselves. @throws `invalid-pipeline` for what nobody could answer, or what the team does not allow.
 */
export function restrictAnswers(
  spec: PipelineSpec,
  submitter: Principal | undefined,
  strictTeam: string | null,
): PipelineSpec {
  const stages = strictTeam === null ? spec.stages : spec.stages.map(withoutSubmitter);
  const problems = [
    ...(strictTeam === null ? [] : spec.stages.flatMap((stage) => strictProblems(stage, strictTeam))),
    ...stages.flatMap((stage) => nobodyProblems(stage, submitter)),
  ];
  if (problems.length > 0) throw new VmTaskError('invalid-pipeline', problems.slice(0, 10).join('; '));
  return { ...spec, stages };
}

/** What the stage's task says of it, with names alone. */
export function answerersFor({ answerers }: StageSpec, submitter: Principal | undefined): Answerers | undefined {
  if (answerers === undefined) return undefined;
  const { tokens, submitter: isAllowed } = answerers;
  if (tokens !== null) return { only: isAllowed ? tokens : tokens.filter((name) => !isToken(submitter, name)) };
  // Whoever has a token is somebody else than who has none.
  return isAllowed || submitter?.kind !== 'token' ? undefined : { allBut: submitter.name };
}

function withoutSubmitter(stage: StageSpec): StageSpec {
  if (stage.kind === 'task') return stage;
  return { ...stage, answerers: { tokens: stage.answerers?.tokens ?? null, submitter: false } };
}

function strictProblems({ name, answerers }: StageSpec, team: string): string[] {
  if (answerers?.submitter !== true) return [];
  return [`stages.${name}.allowSubmitter: in the team ${team} nobody answers what they have submitted themselves`];
}

function nobodyProblems({ name, answerers }: StageSpec, submitter: Principal | undefined): string[] {
  const isNobody =
    answerers?.submitter === false && answerers.tokens?.every((token) => isToken(submitter, token)) === true;
  if (!isNobody) return [];
  return [`stages.${name}.approvers: has only "${submitter?.name}", who submits it; name somebody else as well`];
}

function isToken(principal: Principal | undefined, name: string): boolean {
  return principal?.kind === 'token' && principal.name === name;
}
