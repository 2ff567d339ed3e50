import { parseConfig } from '@vm-task/service/config';
import { expect, test } from 'vitest';
import { expressionsHere } from '../expressions/fill.ts';
import { parseTemplate, renderTemplate } from './plan-template.ts';

const config = parseConfig('', 'test');
const greet = {
  name: 'greet',
  parameters: { who: { type: 'string' }, times: { type: 'integer', default: 1 } },
  task: { inputs: { who: '${{ params.who }}', line: 'x${{ params.times }}' }, run: 'echo "$VM_TASK_INPUT_WHO"' },
};
const chain = {
  name: 'chain',
  parameters: { who: { type: 'string' } },
  stages: {
    one: { command: ['echo', '${{ params.who }}'], timeouts: { run: '5m' } },
    two: { needs: ['one'], kind: 'approval', deadline: '1h' },
  },
};

test('a task template becomes a task file with its values, whatever characters they have', async () => {
  const file = parseTemplate(greet, config);
  expect(await renderTemplate(file, { who: '垃圾 "${{ params.times }}"' }, expressionsHere)).toEqual({
    kind: 'task',
    task: { inputs: { who: '垃圾 "${{ params.times }}"', line: 'x1' }, run: 'echo "$VM_TASK_INPUT_WHO"' },
  });
});

test('a pipeline template is the pipeline with its parameters, as it was written', async () => {
  const file = parseTemplate(chain, config);
  expect(await renderTemplate(file, { who: 'you' }, expressionsHere)).toEqual({
    kind: 'pipeline',
    pipeline: chain,
    parameters: { who: 'you' },
  });
});

test.each([
  [{}, /parameters\.who: is missing; it is a string/],
  [{ who: 5 }, /parameters\.who: 5 is not a string/],
  [{ who: 'x', tims: 2 }, /parameters\.tims: there is no such parameter; did you mean "times"/],
])('the values %j are refused with a sentence', async (values, sentence) => {
  await expect(renderTemplate(parseTemplate(greet, config), values, expressionsHere)).rejects.toThrow(sentence);
});

test.each([
  [{ ...greet, name: 'Greet' }, /name: must be 1 to 32/],
  [
    { ...greet, task: { ...greet.task, inputs: { a: '${{ params.whom }}' } } },
    /^task\.inputs\.a: .*did you mean "who"/,
  ],
  [{ ...greet, task: { ...greet.task, run: 'echo ${{ params.who }}' } }, /^task\.run: a script takes no expressions/],
  [{ ...greet, task: { ...greet.task, imag: 'x' } }, /^task\.imag: unknown key; did you mean "image"/],
  [{ ...greet, parameter: {} }, /^parameter: unknown key; did you mean "parameters"/],
  [
    { ...greet, parameters: { who: { type: 'integer', default: 'x' } } },
    /parameters\.who\.default: "x" is not an integer/,
  ],
  [{ ...chain, name: undefined }, /name: /],
  [{ ...chain, stages: { one: { run: 'x', needs: ['two'] } } }, /two/],
  [[], /./],
])('%j is refused with a sentence', (wrong, sentence) => {
  expect(() => parseTemplate(wrong, config)).toThrow(expect.objectContaining({ code: 'invalid-template' }));
  expect(() => parseTemplate(wrong, config)).toThrow(sentence);
});
