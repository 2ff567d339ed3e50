import { parseConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import { describe, expect, test } from 'vitest';
import { planPipeline } from './plan-pipeline.ts';

const config = parseConfig('pools: { default: {}, big: {} }', 'test');
const run = 'true';
const parameters = { limit: { type: 'integer', default: 1 }, pool: { type: 'string', default: 'big' } };

function plan(stages: object) {
  return planPipeline({ pipeline: { parameters, stages } }, config);
}

function complaint(stages: object): string {
  try {
    plan(stages);
    return 'none';
  } catch (error) {
    if (!(error instanceof VmTaskError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** What is wrong with one stage beside two that it may need. */
const ofStage = (keys: object) => complaint({ a: { run }, each: { run, forEach: [1] }, b: { run, ...keys } });

describe('an expression that is wrong is refused at submission, with its place', () => {
  test.each([
    [{ inputs: { deep: { list: ['${{ 1 + }}'] } } }, 'stages.b.inputs.deep.list.0: Unexpected token: EOF'],
    [{ inputs: { x: '${{ 1 + "a" }}' } }, 'stages.b.inputs.x: no such overload: int + string'],
    [{ inputs: { x: '${{ nope(1) }}' } }, "stages.b.inputs.x: found no matching overload for 'nope(int)'"],
    [{ env: { X: 'a ${{ params.limit' } }, 'stages.b.env.X: "${{" has no "}}" behind it'],
    [{ stdin: '${{ params.limt }}' }, 'stages.b.stdin: there is no parameter "limt"; did you mean "limit"?'],
    [{ command: ['echo', '${{ foo }}'] }, 'stages.b.command.1: Unknown variable: foo; known are params, needs'],
    [{ labels: { x: '${{ item }}' } }, 'stages.b.labels.x: Unknown variable: item; known are params, needs (item'],
    [{ forEach: [1], if: '${{ item == 1 }}' }, 'stages.b.if: Unknown variable: item'],
    [{ inputs: { x: '${{ needs.a.result }}' } }, 'x: the stage "a" is not among the needs of this one; add it there'],
    [{ needs: ['a'], inputs: { x: '${{ needs.aa.result }}' } }, 'x: there is no stage "aa"; did you mean "a"?'],
    [{ needs: ['a'], inputs: { x: '${{ needs.map(n, n) }}' } }, 'x: needs takes the name of a stage'],
    [
      { needs: ['a'], inputs: { x: '${{ needs.a.results }}' } },
      'x: the stage "a" has outcome, error, artifacts, result, and no results',
    ],
    [
      { needs: ['each'], inputs: { x: '${{ needs["each"].result[0] }}' } },
      'x: the stage "each" has outcome, error, artifacts, results, and no result; it runs once for each item',
    ],
    [{ if: '${{ size(params.pool) }}' }, 'stages.b.if: it gives int, not a boolean'],
    [{ forEach: '${{ "a,b" }}' }, 'stages.b.forEach: it gives string, not a list'],
    [{ if: 'yes' }, 'stages.b.if: must be one expression, written ${{ … }}'],
    [{ if: '${{ true }} and ${{ false }}' }, 'stages.b.if: must be one expression, written ${{ … }}'],
    [{ run: 'echo ${{ params.limit }}' }, 'stages.b.run: a script takes no expressions; give the value as an input'],
    [{ setup: [{ run: '${{ item }}' }] }, 'stages.b.setup.0.run: a script takes no expressions'],
  ])('%j', (keys, sentence) => {
    const stage = 'command' in keys ? { run: undefined, ...keys } : keys;
    expect(ofStage(stage)).toMatch(/^invalid-pipeline: /);
    expect(ofStage(stage)).toContain(sentence);
  });

  test('and all that are wrong are told at once', () => {
    const sentence = complaint({ a: { run, if: '${{ x }}', env: { A: '${{ y }}' } }, b: { run, stdin: '${{ z }}' } });
    for (const place of ['stages.a.if', 'stages.a.env.A', 'stages.b.stdin']) expect(sentence).toContain(place);
  });
});

describe('what does not depend on an expression is looked at as in a task', () => {
  const inputs = { x: '${{ params.limit }}' };

  test.each([
    [{ inputs, pool: 'bigg' }, 'stages.b: there is no pool "bigg"; did you mean "big"?'],
    [{ inputs, vm: 'kali' }, 'stages.b: there is no pool "kali"'],
    [{ inputs, resources: { memoryMiB: 999_999 } }, 'stages.b: pool "default" has no size for {"memoryMiB":999999}'],
    [{ timeouts: { rnu: '${{ "1s" }}' } }, 'stages.b.timeouts.rnu: unknown key; did you mean "run"?'],
    [{ timeouts: { run: '${{ "1s" }}', setup: 5 } }, 'stages.b.timeouts.setup: 5 is not a duration'],
    [{ env: { 'A-B': '${{ "1s" }}' } }, 'stages.b.env.A-B: '],
    [{ run: '', inputs }, 'stages.b.run: the script is empty'],
    [{ inputs, imge: 'x' }, 'stages.b.imge: unknown key; did you mean "image"?'],
  ])('%j', (keys, sentence) => {
    expect(ofStage(keys)).toContain(sentence);
  });

  test.each([
    [{ timeouts: { run: '${{ string(params.limit) + "s" }}' } }],
    [{ pool: '${{ params.pool }}', resources: { memoryMiB: 999_999 } }],
    [{ inputs, resources: { memoryMiB: 512 }, if: '${{ params.limit > 0 }}' }],
    [{ needs: ['each'], forEach: '${{ needs.each.results }}', inputs: { x: '${{ item }} of ${{ index }}' } }],
    [{ run: undefined, command: ['echo', '${{ params.limit }}'] }],
    [{ run: 'echo ${{ github.ref }} ${{' }],
  ])('%j is taken: only its value can tell', (keys) => {
    expect(ofStage(keys)).toBe('none');
  });
});

describe('stages', () => {
  test.each([
    [{ a: { run, needs: ['c'] }, b: { run, needs: ['a'] }, c: { run, needs: ['b'] } }, 'a → c → b → a'],
    [{ a: { run, needs: ['a'] } }, 'stages: they wait for one another: a → a'],
    [{ ab: { run }, b: { run, needs: ['abb'] } }, 'stages.b.needs: there is no stage "abb"; did you mean "ab"?'],
    [{ mend: { run, onFailure: true }, b: { run, needs: ['mend'] } }, '"mend" runs only after a failure'],
    [{ a: { run, always: true, onFailure: true } }, 'stages.a.always: goes without onFailure; '],
    [{ ask: { kind: 'approval', always: true } }, 'stages.ask.always: goes with a task; '],
    [{ a: { run, alwyas: true } }, 'stages.a.alwyas: unknown key; did you mean "always"?'],
    [{ mend: { run, onFailure: true }, b: { run, needs: ['mend'] } }, 'give it onFailure or always: true'],
    [{ a: { run, needs: ['b'], always: true }, b: { run, needs: ['a'] } }, 'a → b → a'],
    [{ ask: { kind: 'approval', aprovers: ['anna'] } }, 'stages.ask.aprovers: unknown key; did you mean "approvers"?'],
    [{ ask: { kind: 'approval', approvers: ['An na'] } }, 'stages.ask.approvers.0: must be 1 to 32 of a-z'],
    [{ ask: { kind: 'approval', approvers: [] } }, 'stages.ask.approvers: '],
    [{ a: { run, approvers: ['anna'] } }, 'stages.a.approvers: goes with kind external or approval; nobody answers'],
    [{ ask: { kind: 'approval', allowSubmitter: true } }, 'stages.ask.allowSubmitter: goes with approvers; '],
    [{ ask: { kind: 'approval', run } }, 'stages.ask.run: goes with a task; a stage of kind approval runs nothing'],
    [{ a: { run, deadline: '2h' } }, 'stages.a.deadline: goes with kind external or approval; a task has timeouts'],
    [{ a: { run, need: [] } }, 'stages.a.need: unknown key; did you mean "needs"?'],
    [{}, 'a pipeline needs a stage at least'],
  ])('%j are refused', (stages, sentence) => {
    expect(complaint(stages)).toContain(sentence);
  });

  test('come in an order in which each is behind those that it needs', () => {
    const { spec } = plan({ c: { run, needs: ['b'] }, b: { run, needs: ['a'] }, a: { run } });
    expect(spec.stages.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('that always run may need those for failures, and the other way round', () => {
    expect(complaint({ a: { run, onFailure: true }, b: { run, always: true, needs: ['a'] } })).toBe('none');
    expect(complaint({ a: { run, always: true }, b: { run, onFailure: true, needs: ['a'] } })).toBe('none');
  });

  test('that do not always run have no key for it: what an older version wrote is written as it was', () => {
    const { spec } = plan({ a: { run, always: false }, b: { run, always: true } });
    expect(spec.stages.map((stage) => stage.always)).toEqual([undefined, true]);
    expect(Object.hasOwn(spec.stages[0] ?? {}, 'always')).toBe(false);
  });

  test('may be a hundred, and have 4 MiB together', () => {
    const many = (count: number, stdin = '') =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, { run, stdin }]));
    expect(complaint(many(100))).toBe('none');
    expect(complaint(many(101))).toContain('a pipeline may have 100 stages');
    expect(complaint(many(5, 'x'.repeat(1_000_000)))).toMatch(
      /^payload-too-large: the pipeline has \d+ bytes as JSON and may have 4194304/,
    );
  });
});

test('expressions may have 64 KiB together, whatever stages they are in', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`s${n}`, { run, env: { A: '${{ 1 }}'.repeat(count) } }]));
  expect(complaint(many(128))).toBe('none');
  expect(complaint(many(129))).toMatch(
    /^invalid-pipeline: the expressions have 66048 characters together and may have 65536/,
  );
});

test('a value of a parameter that does not fit is refused with its name', () => {
  const submit = (given: object) => () =>
    planPipeline({ pipeline: { parameters, stages: { a: { run } } }, parameters: given }, config);
  expect(submit({ limit: '1' })).toThrow('parameters.limit: "1" is not an integer');
  expect(submit({ limit: 1.5 })).toThrow('parameters.limit: 1.5 is not an integer');
  expect(submit({ limt: 1 })).toThrow('parameters.limt: there is no such parameter; did you mean "limit"?');
});
