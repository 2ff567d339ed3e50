import type { Json } from '@vm-task/shared/json';
import { describe, expect, test } from 'vitest';
import type { Scope } from './expression.ts';
import { checkTemplate, expressionsLength, fillTemplate, TemplateError, typeOf } from './template.ts';

const scope: Scope = { parameters: ['p'], needs: new Map([['a', false]]), stages: ['a'], perItem: false };
const isScript = (path: readonly string[]) => path.at(-1) === 'run';

function fill(value: Json, p: Json): Json {
  return fillTemplate(value, scope, { params: { p }, needs: { a: { result: p } } }, isScript);
}

describe('a text', () => {
  test.each<[string, Json, Json]>([
    ['${{ params.p }}', { n: [1.5, null] }, { n: [1.5, null] }],
    [' \n${{ params.p }}\t', 7, 7],
    ['${{ params.p }} ', '7', '7'],
    ['n=${{ params.p }}', 7, 'n=7'],
    ['${{ params.p }}${{ params.p }}', 7, '77'],
    ['${{ params.p }} and ${{ params.p + 1 }}', 7, '7 and 8'],
    ['of ${{ params.p }}', ['垃圾', { a: null }], 'of ["垃圾",{"a":null}]'],
    ['of ${{ params.p }}', '${{ params.p }}', 'of ${{ params.p }}'],
    ['}} ${{ "}}" }} {{', null, '}} }} {{'],
    ['${{ {"a": {"b": params.p}} }}', 1, { a: { b: 1 } }],
    ['${{ {"a": {"b": params.p}}}}', 1, { a: { b: 1 } }],
    ['${{ {"a": "}}", \'b\': r"\\\\"} }}.', 1, '{"a":"}}","b":"\\\\\\\\"}.'],
    ['${{ """a" }}\n""" + \'it\\\'s }}\' // }} \n }}!', 1, 'a" }}\nit\'s }}!'],
    ['$${{ params.p }}', 1, '$1'],
    ['$ {{ params.p }} ${ {} }', 1, '$ {{ params.p }} ${ {} }'],
    ['', 1, ''],
  ])('%j with %j becomes %j', (text, p, value) => {
    expect(fill({ text }, p)).toEqual({ text: value });
  });

  test('is filled at any depth; keys and whatever is no text stay', () => {
    const value = { '${{ params.p }}': [1, null, true, { deep: ['${{ params.p }}'] }] };
    expect(fill(value, 'x')).toEqual({ '${{ params.p }}': [1, null, true, { deep: ['x'] }] });
  });

  test('of a script is handed over as it is written', () => {
    expect(fill({ run: 'echo ${{ params.p }}', stdin: '${{ params.p }}' }, 'x')).toEqual({
      run: 'echo ${{ params.p }}',
      stdin: 'x',
    });
  });

  test('without a value says where, which expression, and why', () => {
    const filling = () => fill({ env: { X: 'a ${{ params.p.nope }}' } }, {});
    expect(filling).toThrow(TemplateError);
    expect(filling).toThrow('env.X: ${{ params.p.nope }}: No such key: nope');
  });

  test('that is one expression has a type', () => {
    const texts = [
      '${{ 1 == 1 }}',
      ' ${{ [1] }} ',
      '${{ params.p }}',
      '${{ 1 }} ',
      '${{ 1 }} 2',
      'x',
      '${{ x }}',
      '${{',
    ];
    expect(texts.map((text) => typeOf(text, scope))).toEqual([
      'bool',
      'list<int>',
      'dyn',
      'int',
      null,
      null,
      null,
      null,
    ]);
  });
});

describe('work is bounded', () => {
  test.each([
    ['in a text that does not end', `\${{ "${'}}'.repeat(500_000)}`],
    ['with maps that do not end', '${{ { }}'.repeat(300_000)],
    ['with maps in maps', `\${{ ${'{'.repeat(500_000)} }}`],
    ['with texts that begin and begin', `\${{ ${"'".repeat(500_001)} }}`],
  ])('each character of a text is looked at once, %s', (_what, text) => {
    expect(checkTemplate({ text }, scope, isScript).problems).not.toEqual([]);
    expect(expressionsLength({ text })).toBeGreaterThan(0);
  });

  test('all expressions of a value are counted', () => {
    expect(expressionsLength({ a: ['${{ 1 }}', 'no $ {{', { b: 'x ${{ "}}" }} ${{ 22 }}' }] })).toBe(8 + 11 + 9);
  });
});

describe('a check', () => {
  test('tells every problem with its place, the places of all expressions, and the stages that are read', () => {
    const checked = checkTemplate(
      { env: { A: '${{ needs.a.result }}', B: 'x ${{ nope }} ${{ 1 + }}' }, list: ['plain', '${{ params.p }}'] },
      scope,
      isScript,
    );
    expect(checked.problems.map(({ path, message }) => `${path.join('.')}: ${message.split(';')[0]}`)).toEqual([
      'env.B: Unknown variable: nope',
      'env.B: Unexpected token: EOF',
    ]);
    expect(checked.places.map((path) => path.join('.'))).toEqual(['env.A', 'env.B', 'list.1']);
    expect(checked.reads).toEqual(new Set(['a']));
  });

  test('of a script refuses what was meant for us, and leaves what other languages write', () => {
    const problems = (run: string) => checkTemplate({ run }, scope, isScript).problems.length;
    expect(['${{ params.p }}', '${{needs.a}}', '${{ item }}'].map(problems)).toEqual([1, 1, 1]);
    expect(['${{ github.ref }}', '${{', '${{ items }}', '{{ params.p }}'].map(problems)).toEqual([0, 0, 0, 0]);
  });
});
