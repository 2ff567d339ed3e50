import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childEnvironment } from '@vm-task/shared/environment';
import { expect, test } from 'vitest';
import { makeTempFolder } from './temp-folder.ts';

const vitest = fileURLToPath(new URL('./vitest.mjs', import.meta.resolve('vitest/package.json')));
const needs = fileURLToPath(new URL('./needs.ts', import.meta.url));

/** Where nobody is root, and nothing may be mounted: the test of a test, and what vitest reports of it. */
async function runLacking(ci: 'true' | '', tests: string): Promise<unknown[]> {
  await using folder = await makeTempFolder('needs');
  const body = `
    process.geteuid = () => 1000;
    const { needs } = await import(${JSON.stringify(needs)});
    ${tests}
  `;
  await writeFile(join(folder.path, 'lacking.test.mjs'), body);
  await writeFile(join(folder.path, 'vitest.config.mjs'), 'export default { test: { globals: true } }');
  const report = join(folder.path, 'report.json');
  const args = [vitest, 'run', '--root', folder.path, '--reporter=json', `--outputFile=${report}`];
  // It fails where it should, and then the report says so, too.
  await promisify(execFile)(process.execPath, args, { env: childEnvironment({ CI: ci }) }).catch(() => undefined);
  return JSON.parse(await readFile(report, 'utf8')).testResults;
}

const single = `needs.root(test)('touches the machine', () => {}); test('needs nothing', () => {});`;
const group = `needs.root(describe)('a group', () => test('touches it, too', () => {}));`;
const complaint = 'this needs root, which is not to be had here, and under CI has to be';

test('without what it needs a test is skipped, and the report says what that is', async () => {
  expect(await runLacking('', single + group)).toMatchObject([
    {
      status: 'passed',
      assertionResults: [
        { title: 'touches the machine', status: 'skipped', meta: { need: 'root' } },
        { title: 'needs nothing', status: 'passed' },
        { title: 'touches it, too', status: 'skipped', meta: { need: 'root' } },
      ],
    },
  ]);
});

test('under CI it fails, and others are run', async () => {
  expect(await runLacking('true', single)).toMatchObject([
    {
      assertionResults: [
        { title: 'touches the machine', status: 'failed', failureMessages: [expect.stringContaining(complaint)] },
        { title: 'needs nothing', status: 'passed' },
      ],
    },
  ]);
});

test('under CI a group fails', async () => {
  expect(await runLacking('true', group)).toMatchObject([
    { status: 'failed', message: expect.stringContaining(complaint) },
  ]);
});
