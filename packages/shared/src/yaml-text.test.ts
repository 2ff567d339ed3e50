import { describe, expect, test } from 'vitest';
import { parseYaml } from './yaml-text.ts';

const read = (text: string) => parseYaml(text, 'task.yaml', 'invalid-task');

/** The sentence of the refusal; the value as JSON where there is none. */
function refusal(text: string): string {
  try {
    return JSON.stringify(read(text));
  } catch (error) {
    return (error as Error).message;
  }
}

describe('of a text that is written as', () => {
  test.each<[string, unknown]>([
    ['', null],
    ['# only a comment\n', null],
    ['a: 1\n', { a: 1 }],
    ['a: [1, -2, +3, 1.5, 1.0, 1e3, 0x1F, 0o17, .5]', { a: [1, -2, 3, 1.5, 1, 1000, 31, 15, 0.5] }],
    ['a: [yes, ~, true, "1", 1_000, 12:30]', { a: ['yes', null, true, '1', '1_000', '12:30'] }],
    ['a: |\n  x\n  y\nb: &b [*c]\n'.replace('[*c]', '[1]'), { a: 'x\ny\n', b: [1] }],
    ['a: &x { y: 1 }\nb: *x\nc: *x\n', { a: { y: 1 }, b: { y: 1 }, c: { y: 1 } }],
    ['a: !!str 3\nb: ! 4\nc: !!float 3', { a: '3', b: '4', c: 3 }],
    ['"<<": 1', { '<<': 1 }],
    ['{"a": 123456789012345680000, "b": 1e21, "c": -0.5}', { a: 123456789012345680000, b: 1e21, c: -0.5 }],
    ['%YAML 1.2\n---\na: 1\n', { a: 1 }],
  ])('%j everything arrives', (text, value) => {
    expect(read(text)).toEqual(value);
  });

  test('one document with empty ones around it is that document', () => {
    expect(['---\na: 1\n---\n', 'a: 1\n...\n', '---\n---\na: 1\n', 'a: 1\n--- # nothing\n'].map(read)).toEqual(
      Array(4).fill({ a: 1 }),
    );
  });
});

describe('part of a text is never left out without a word:', () => {
  test.each([
    ['a second document', 'run: echo one\n---\nrun: echo two\n', 'task.yaml has a second document at line 2; give one'],
    ['a third one', 'a: 1\n---\n---\nb: 1\n', 'task.yaml has a second document at line 3; give one'],
    ['one behind the end of the first', 'a: 1\n...\nb: 1\n', 'task.yaml has a second document at line 3; give one'],
    ['a key that is there twice', 'a: 1\nb: 2\na: 3\n', 'duplicated mapping key at line 3'],
    ['one in JSON', '{"a": 1, "b": {"a": 1},\n "a": 2}', 'the key "a" is there twice, at line 2'],
    ['a key written in two ways', '{"a": 1, "\\u0061": 2}', 'the key "a" is there twice'],
    ['a tag of somebody else', 'a: !vault "3132"', 'unknown scalar tag !<!vault> at line 1'],
    ['one of a list', 'a: !Ref [x]', 'unknown sequence tag !<!Ref>'],
    ['one of a map', 'a: !x {}', 'unknown mapping tag !<!x>'],
    ['one that makes no JSON', 'a: !!binary aGk=', 'unknown scalar tag'],
    ['a merge key', 'x: &x {a: 1}\ny:\n  <<: *x\n', '<< at line 3 is not merged; write the keys out'],
    ['a key that is a list', '? [a, b]\n: 1', 'a key has to be text; write it in quotes at line 1'],
    ['a key that is a number', 'a: 1\n0x10: b', 'a key has to be text; write it in quotes at line 2'],
    ['another version of YAML', '%YAML 1.1\n---\na: yes', 'is said to be YAML 1.1, and would be read as YAML 1.2'],
  ])('%s is refused', (_what, text, sentence) => {
    expect(refusal(text)).toContain(sentence);
  });
});

describe('a number keeps its digits or is refused:', () => {
  test.each([
    '9007199254740993',
    '-12345678901234567890',
    '123456789012345678901234567890',
    '9223372036854775808',
    '0.1234567890123456789',
    '3.141592653589793238',
    '1e400',
    '-1e400',
    '1e-400',
    '1'.repeat(400),
  ])('%s', (number) => {
    expect(refusal(`a:\n  - ${number}`)).toContain(`the number ${number.slice(0, 40)}`);
    expect(refusal(`a:\n  - ${number}`)).toContain('at line 2 would not keep its digits; write it in quotes');
    expect(refusal(`{"a": [${number}]}`)).toContain('would not keep its digits; write it in quotes');
  });

  test.each(['.inf', '-.inf', '.nan'])('%s', (number) => {
    expect(refusal(`a: ${number}`)).toContain(
      `the number ${number} at line 1 is none that JSON has; write it in quotes`,
    );
  });

  test.each(['0x20000000000001', '0o1000000000000000001', '007', '!!int 0b1'.padEnd(70, '1')])('%s', (number) => {
    expect(refusal(`a: ${number}`)).toContain('would not keep its digits; write it in quotes');
  });
});

describe('work is bounded', () => {
  test('a text of many keys is compared with none of them twice', () => {
    const text = Array.from({ length: 60_000 }, (_, index) => `k${index}: 1\n`).join('');
    expect(Object.keys(read(text) as object)).toHaveLength(60_000);
  });

  test.each([
    ['lists', '['],
    ['maps', '{a: '],
    ['lists in lines', '- '],
    ['keys of keys', '? '],
  ])('%s in each other are refused at the hundredth', (_what, open) => {
    expect(refusal(open.repeat(100_000))).toContain('task.yaml is not YAML: nesting exceeded');
  });

  test('aliases are few, and what they unfold to is counted before it unfolds', () => {
    expect(refusal(`a: &a x\nb: [${Array(101).fill('*a').join(',')}]`)).toContain('aliases exceeded maxAliases (100)');
    const levels = ['l0: &l0 [x,x,x,x,x,x,x,x,x]'];
    for (let at = 1; at < 10; at++)
      levels.push(
        `l${at}: &l${at} [${Array(9)
          .fill(`*l${at - 1}`)
          .join(',')}]`,
      );
    expect(refusal(levels.join('\n'))).toContain('its aliases unfold to more than');
    expect(refusal('a: &a { b: *a }')).toContain('it refers to itself');
  });

  test('of others, a long text is taken as JSON only', () => {
    const limited = (text: string) => parseYaml(text, 'the body', 'invalid-task', { maxChars: 1_000 });
    const items = Array.from({ length: 600 }, (_, index) => index);
    expect(limited(JSON.stringify(items))).toEqual(items);
    expect(() => limited(items.map((item) => `- ${item}\n`).join(''))).toThrow(
      'the body may have 1000 characters as YAML; give it as JSON',
    );
  });
});
