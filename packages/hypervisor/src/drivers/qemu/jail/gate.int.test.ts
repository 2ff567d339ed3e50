/** The programs themselves take what is written for them. What the gate lets through is in test/e2e/egress-by-name.e2e.test.ts. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { allowMax } from '@vm-task/shared/egress';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { proxyConfig, proxyText, resolverConfig, resolverText } from './gate.ts';

const run = promisify(execFile);

const most = Array.from({ length: allowMax }, (_, i) => `n${i}.${'a-long-label-of-a-name.'.repeat(8)}example:${i + 1}`);

test.each([
  ['one name', ['packages.example:443']],
  [
    'every kind',
    ['*.code.example:443', '*.code.example:80', 'code.example:443', 'git.code.example:22', 'x--y.example:80'],
  ],
  ['as many as there can be', most],
])('%s: HAProxy and dnsmasq have nothing to say against it', async (_what, allow) => {
  await using folder = await makeTempFolder('gate');
  await writeFile(join(folder.path, proxyConfig), proxyText(allow));
  await writeFile(join(folder.path, resolverConfig), resolverText(allow));
  expect(await run('haproxy', ['-c', '-q', '-f', proxyConfig], { cwd: folder.path })).toEqual({
    stdout: '',
    stderr: '',
  });
  await run('dnsmasq', ['--test', `--conf-file=${resolverConfig}`], { cwd: folder.path });
});

test('a name has one address for all its ports, and names have different ones', () => {
  const text = resolverText(['a.example:22', 'a.example:443', 'b.example:443', '*.a.example:443']);
  expect(text.split('\n').filter((line) => line.includes('198.18'))).toEqual([
    'host-record=a.example,198.18.0.1',
    'host-record=b.example,198.18.0.2',
    'address=/a.example/198.18.0.3',
  ]);
});
