import { parseConfig } from '@vm-task/service/config';
import { createdVersionOf, type StageSpec } from '@vm-task/shared/pipelines/spec';
import { expect, test } from 'vitest';
import { answerersFor, restrictAnswers } from './approvers.ts';
import { planPipeline } from './plan-pipeline.ts';

const config = parseConfig('', 'test');
const ci = { kind: 'token', name: 'ci' } as const;

function specOf(ask: object) {
  const stages = { work: { run: 'true' }, ask: { kind: 'approval', ...ask } };
  return planPipeline({ pipeline: { stages } }, config).spec;
}

function askOf(ask: object, submitter: Parameters<typeof restrictAnswers>[1] = ci, team: string | null = null) {
  const spec = restrictAnswers(specOf(ask), submitter, team);
  const stage = spec.stages.find(({ name }) => name === 'ask') as StageSpec;
  return { version: createdVersionOf(spec), answerers: answerersFor(stage, submitter) };
}

test('a stage without approvers is written as it always was', () => {
  expect(specOf({}).stages[1]).not.toHaveProperty('answerers');
  expect(askOf({})).toEqual({ version: 1, answerers: undefined });
});

test('approvers are those who may answer, without whoever submitted it, unless that is allowed', () => {
  expect(askOf({ approvers: ['anna', 'ci', 'anna'] })).toEqual({ version: 2, answerers: { only: ['anna'] } });
  const answerers = { only: ['anna', 'ci'] };
  expect(askOf({ approvers: ['anna', 'ci'], allowSubmitter: true })).toEqual({ version: 2, answerers });
  // No token: the name is somebody else's.
  expect(askOf({ approvers: ['anna', 'ci'] }, { kind: 'nats', name: 'ci' }).answerers).toEqual(answerers);
});

test('in a strict team everybody may answer but who submitted it, and approvers stay those who may', () => {
  expect(askOf({}, ci, 'red')).toEqual({ version: 2, answerers: { allBut: 'ci' } });
  expect(askOf({ approvers: ['anna', 'ci'] }, ci, 'red').answerers).toEqual({ only: ['anna'] });
  const allowed = () => askOf({ approvers: ['anna'], allowSubmitter: true }, ci, 'red');
  expect(allowed).toThrow(
    'stages.ask.allowSubmitter: in the team red nobody answers what they have submitted themselves',
  );
});

test('what nobody could answer is refused', () => {
  expect(() => askOf({ approvers: ['ci'] })).toThrow('stages.ask.approvers: has only "ci", who submits it');
  expect(askOf({ approvers: ['ci'] }, { kind: 'token', name: 'other' }).answerers).toEqual({ only: ['ci'] });
});
