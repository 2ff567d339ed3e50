import { parseConfig } from '@vm-task/service/config';
import { expect, it } from 'vitest';
import { planPipeline } from './plan-pipeline.ts';
import { isSharedLater, sharerBefore, sharersOf } from './shared-vm.ts';

const run = 'true';
const config = parseConfig('', 'test');
const stagesOf = (stages: object) => planPipeline({ pipeline: { stages } }, config).spec.stages;

it('a chain of stages in one VM is known by the first of them', () => {
  const stages = stagesOf({
    build: { run },
    other: { run, needs: ['build'] },
    test: { run, needs: ['other'], vm: { of: 'build' } },
    report: { run, needs: ['test'], vm: { of: 'test' } },
  });
  expect(stages.map(({ vm }) => vm?.of)).toEqual([undefined, undefined, 'build', 'build']);
  const names = (some: readonly { name: string }[]) => some.map(({ name }) => name);
  expect(stages.map((stage) => names(sharersOf(stages, stage)))).toEqual([
    ['build', 'test', 'report'],
    ['other'],
    ['build', 'test', 'report'],
    ['build', 'test', 'report'],
  ]);
  expect(stages.map((stage) => sharerBefore(stages, stage)?.name ?? null)).toEqual([null, null, 'build', 'test']);
  expect(stages.map((stage) => isSharedLater(stages, stage))).toEqual([true, false, true, false]);
});

it.each([
  ['a stage that there is not', { b: { vm: { of: 'x' } } }, 'stages.b.vm.of: there is no stage "x"; did you mean "a"?'],
  ['one that it does not wait for', { b: { needs: [] } }, 'stages.b.vm.of: "a" must have ended; add it to needs'],
  ['one with items', { a: { forEach: [1] } }, 'stages.b.vm.of: "a" has a VM for each of its items'],
  ['for each of its items', { b: { forEach: [1] } }, 'stages.b.forEach: its runs would be in one VM'],
  ['after a failure', { b: { onFailure: true } }, 'stages.b.onFailure: the VM of a stage that failed is removed'],
  ['whatever became of it', { b: { always: true } }, 'stages.b.always: the VM of a stage that failed is removed'],
  ['another size', { b: { resources: { cpus: 2 } } }, 'stages.b.resources: the VM is that of the stage "a"'],
  ['another pool', { b: { pool: 'default' } }, 'stages.b.pool: the VM is that of the stage "a"'],
  ['a second attempt', { b: { retry: { maxAttempts: 2 } } }, 'stages.b.retry: what a failed attempt left'],
  ['a person', { a: { kind: 'approval', run: undefined } }, '"a" waits for an answer and has no VM'],
  ['itself a person', { b: { kind: 'external', run: undefined } }, 'stages.b.vm: goes with a task'],
  ['an unknown key', { b: { vm: { off: 'a' } } }, 'stages.b.vm.off: unknown key; did you mean "of"?'],
  [
    'two at the same time',
    { c: { run, needs: ['a'], vm: { of: 'a' } } },
    'stages.c.vm.of: it would be in one VM with "b" at the same time; let one need the other',
  ],
])('a stage in the VM of %s is refused', (_what, changes: Record<string, object>, sentence) => {
  const stages = { a: { run }, b: { run, needs: ['a'], vm: { of: 'a' } } };
  const all = { ...stages, ...changes, a: { ...stages.a, ...changes['a'] }, b: { ...stages.b, ...changes['b'] } };
  expect(() => stagesOf(all)).toThrow(sentence);
});

it('a stage on a named VM leaves none', () => {
  const stages = { a: { run, vm: 'kali' }, b: { run, needs: ['a'], vm: { of: 'a' } } };
  expect(() => stagesOf(stages)).toThrow('stages.b.vm.of: "a" runs on a named VM, which stays anyway');
});
