import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { patternOf, printedBy, scriptOf, stepsOf } from './tutorial.ts';

const page = [
  '# A page',
  '```sh',
  'word=hello',
  'echo "$word, $$"',
  '```',
  '',
  '```text',
  'hello, …',
  '```',
  'More, which says nothing of what is printed:',
  '```sh',
  'echo again; false',
  '```',
  'A file, which is no output:',
  '```text',
  'again',
  '```',
  '```yaml',
  'no: command',
  '```',
  '',
].join('\n');

test('the steps of a page are its commands, each with what is shown right after them', () => {
  expect(stepsOf(page)).toEqual([
    { line: 3, commands: 'word=hello\necho "$word, $$"\n', shown: 'hello, …\n' },
    { line: 12, commands: 'echo again; false\n', shown: null },
  ]);
});

test('the steps run in one shell, and each has its output and exit code', () => {
  const script = scriptOf(stepsOf(`${page}\`\`\`sh\nprintf "$word"\n\`\`\`\n`), '=1=');
  const output = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(printedBy(output, '=1=')).toEqual([
    { output: expect.stringMatching(/^hello, \d+\n$/), exitCode: 0 },
    { output: 'again\n', exitCode: 1 },
    { output: 'hello\n', exitCode: 0 },
  ]);
});

test('what is printed has to be what is shown, but for what is marked as different each time', () => {
  const pattern = patternOf('a (…)\n…\nend\n');
  for (const same of ['a (1)\nend\n', 'a (b)\n1\n2\nend\n']) expect(same).toMatch(pattern);
  for (const other of ['a ()\nend\n', 'b\na (1)\nend\n', 'a (1)\nend\nmore\n', 'a (1)\n', 'a (1)end\n']) {
    expect(other).not.toMatch(pattern);
  }
});
