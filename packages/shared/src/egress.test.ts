import { describe, expect, test } from 'vitest';
import { parseTarget, targetSchema } from './egress.ts';

describe('a target', () => {
  test.each([
    ['packages.example:443', 'packages.example:443', { name: 'packages.example', isWildcard: false, port: 443 }],
    ['packages.example', 'packages.example:443', { name: 'packages.example', isWildcard: false, port: 443 }],
    ['*.code.example:80', '*.code.example:80', { name: 'code.example', isWildcard: true, port: 80 }],
    ['git.code.example:22', 'git.code.example:22', { name: 'git.code.example', isWildcard: false, port: 22 }],
  ])('%s has one form', (text, form, target) => {
    expect(targetSchema.parse(text)).toBe(form);
    expect(parseTarget(form)).toEqual(target);
  });

  test.each([
    '203.0.113.7:443',
    'localhost',
    '*.code.example:22',
    '*',
    '*.*.example',
    'a*.example',
    'Code.example',
    'code.example:0',
    'code.example:65536',
    'code.example:443:1',
    '-code.example',
    'code..example',
    'code.example.',
    'code.example/path',
    'https://code.example',
    'code.example:443\nserver evil',
    `${'a.'.repeat(130)}example`,
    '[::1]:443',
    '',
  ])('%j is none', (text) => {
    const { error } = targetSchema.safeParse(text);
    expect(error?.issues[0]?.message).toContain('such as packages.example:443');
    expect(() => parseTarget(text)).toThrow();
  });
});
