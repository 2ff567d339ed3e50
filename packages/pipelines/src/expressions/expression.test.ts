import type { Json } from '@vm-task/shared/json';
import { describe, expect, test } from 'vitest';
import { evaluate, maxExpressionLength, readExpression, type Scope } from './expression.ts';

const scope: Scope = {
  parameters: ['p'],
  needs: new Map([
    ['a', false],
    ['a-b', true],
  ]),
  stages: ['a', 'a-b', 'c'],
  perItem: false,
};

/** The value, or the sentence that says why there is none, where `params.p` is `p`. */
function calculate(text: string, p: Json = null): Json {
  const read = readExpression(text, scope);
  if (typeof read === 'string') return read;
  const evaluated = evaluate(read, { params: { p }, needs: { a: { result: p }, 'a-b': { results: [p] } } });
  return typeof evaluated === 'string' ? evaluated : evaluated.value;
}

describe('a value keeps its type', () => {
  test.each<[string, Json, Json]>([
    ['params.p', 5, 5],
    ['params.p', 1.5, 1.5],
    ['params.p', '5', '5'],
    ['params.p', null, null],
    ['params.p', { 垃圾: [1, { deep: null }], '': false }, { 垃圾: [1, { deep: null }], '': false }],
    ['params.p + 1', 1, 2],
    ['double(params.p) + 1.5', 1, 2.5],
    ['params.p / 2', 5, 2.5],
    ['params.p[0] + params.p[1]', [1, 1.5], 2.5],
    ['params.p[params.p[0]]', [1, 'x'], 'x'],
    ['int(params.p) % 2', 5, 1],
    ['5 in params.p && params.p == [5]', [5], true],
    ['params.p == 1.0', 1, true],
    ['params.p == 5', '5', false],
    ['size(params.p)', '垃圾', 2],
    ['params.p.filter(x, x > 1).map(x, x * 2)', [1, 2, 3], [4, 6]],
    ['string(params.p) + "!"', 1.5, '1.5!'],
    ['[params.p, "a", {"x": params.p}]', true, [true, 'a', { x: true }]],
    ['has(params.p.x) ? params.p.x : "none"', {}, 'none'],
    ['needs.a.result', [1], [1]],
    ['needs["a-b"].results[0]', 'x', 'x'],
  ])('%s with %j', (text, p, value) => {
    expect(calculate(text, p)).toEqual(value);
  });

  test.each<[string, Json, string]>([
    ['params.p.x', {}, 'No such key: x'],
    ['params.p.constructor', {}, 'No such key: constructor'],
    ['params.p["__proto__"]', {}, 'No such key: __proto__'],
    ['params.p % 2', 5, 'no such overload: dyn<double> % int'],
    ['params.p > 1', 'a', 'no such overload: dyn<string> > int'],
    ['1 / 0', null, 'division by zero'],
    ['1.0 / 0.0', null, 'it gives something that is no JSON; make it a text with string(…)'],
    ['timestamp("2020-01-01T00:00:00Z")', null, 'it gives something that is no JSON'],
    ['int(params.p) + 1', Number.MAX_SAFE_INTEGER, '9007199254740992 is larger than a number of JSON can be exactly'],
  ])('%s with %j has none', (text, p, sentence) => {
    expect(calculate(text, p)).toContain(sentence);
  });

  test.each([
    'params.p * 100',
    'params.p * 100.0',
    'params.p + 1',
    '1 - params.p',
    'params.p / 2.0',
    '[params.p][0] * 2',
  ])('%s has a value for whole numbers and for others', (text) => {
    for (const p of [0, 1, 0.5, -3, 1e21]) expect([p, calculate(text, p)]).toEqual([p, expect.any(Number)]);
  });

  test('and what is not certain is not said to be: a check knows the type of what is computed', () => {
    const typeOf = (text: string) => (readExpression(text, { ...scope, perItem: true }) as { type: string }).type;
    expect(['1 + 1', '1 + 1.5', 'index * 1.5', 'index * 2'].map(typeOf)).toEqual(['int', 'double', 'double', 'int']);
  });

  test('a key that other languages give a meaning is a key', () => {
    const value = JSON.parse('{"__proto__": {"x": 1}}') as Json;
    expect(JSON.stringify(calculate('params.p', value))).toBe('{"__proto__":{"x":1}}');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('limits', () => {
  test.each([
    ['its length', `"${'x'.repeat(maxExpressionLength)}"`, 'an expression may have 4096 characters, this one has 4098'],
    ['its parts', `${'1+'.repeat(600)}1`, 'Exceeded maxAstNodes (500)'],
    ['its depth', `${'('.repeat(60)}1${')'.repeat(60)}`, 'Exceeded maxDepth (40)'],
  ])('of %s are told', (_what, text, sentence) => {
    expect(readExpression(text, scope)).toBe(sentence);
  });
});

test('what it reads of stages is known, and of what type it is', () => {
  expect(readExpression('needs.a.result > 1 || needs["a-b"].outcome == "failed"', scope)).toMatchObject({
    type: 'bool',
    reads: new Set(['a', 'a-b']),
  });
  expect(readExpression('params.p', scope)).toMatchObject({ type: 'dyn', reads: new Set() });
});

test('a name with a dash is said to need brackets', () => {
  expect(readExpression('needs.a-b.results', scope)).toContain("a name with a dash is written needs['a-b']");
});

test('item and index are there for each item only', () => {
  const perItem = readExpression('item + string(index)', { ...scope, perItem: true });
  if (typeof perItem === 'string') throw new Error(perItem);
  expect(evaluate(perItem, { params: {}, needs: {}, item: 'x', index: 2 })).toEqual({ value: 'x2' });
  expect(readExpression('item', scope)).toContain('Unknown variable: item');
});
