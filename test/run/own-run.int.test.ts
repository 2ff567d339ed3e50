/** A run that is interrupted while everything that tests start is up. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childEnvironment } from '@vm-task/shared/environment';
import { needs } from '@vm-task/testing/needs';
import { processesThatName } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { OwnRun } from './own-run.ts';

const run = promisify(execFile);
const module = (name: string) => JSON.stringify(import.meta.resolve(`@vm-task/testing/${name}`));

/** Starts the script as a test of the run, and returns when it has said that all is up; it never ends by itself. */
async function begin(own: OwnRun, script: string): Promise<void> {
  const source = `${script}\nconsole.log('up');\nsetInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: childEnvironment(own.environment(1)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
}

async function expectNothingOf(own: OwnRun): Promise<void> {
  expect(processesThatName(own.name)).toEqual([]);
  expect([own.temporary, own.homes].filter(existsSync)).toEqual([]);
  expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(own.name);
}

test('servers, guests with a job in mid-process, daemons and folders are gone, and were named', async () => {
  await using cache = await makeTempFolder('cache');
  const own = await OwnRun.begin(cache.path);
  await begin(
    own,
    `import { spawn, spawnSync } from 'node:child_process';
    import { startNatsServer } from ${module('nats-server')};
    import { startSshGuest } from ${module('ssh-guest')};
    await startNatsServer();
    const stopped = await startNatsServer();
    await stopped.pause();
    const guest = await startSshGuest();
    const key = guest.home + '/key';
    const { writeFileSync } = await import('node:fs');
    writeFileSync(key, guest.privateKey, { mode: 0o600 });
    const { user, host, port } = guest.access;
    const options = ['-i', key, '-p', String(port), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    spawnSync('ssh', [...options, user + '@' + host, 'trap "" TERM; setsid sleep 86397 >/dev/null 2>&1 &']);
    spawn('setsid', ['-f', 'sh', '-c', 'trap "" TERM; sleep 86396; sleep 86396']);
    spawnSync('env', ['-i', 'sh', '-c', 'setsid sleep 86395 ' + process.env.TMPDIR + ' >/dev/null 2>&1 &']);`,
  );
  const before = processesThatName(own.name).map(({ argv }) => argv.join(' '));
  for (const words of ['nats-server', 'sshd', 'sleep 86397', 'sleep 86396']) {
    expect(
      before.some((line) => line.includes(words)),
      `${words} in ${before.join('\n')}`,
    ).toBe(true);
  }
  const left = await own.end({ keep: false });
  expect(left.filter((what) => what.includes('nats-server -c'))).toHaveLength(2);
  await expectNothingOf(own);
});

needs.root(test)('mounts, network namespaces and immutable files are undone', async () => {
  await using cache = await makeTempFolder('cache');
  const own = await OwnRun.begin(cache.path);
  const namespace = `${own.name}-net`;
  await begin(
    own,
    `import { execFileSync } from 'node:child_process';
    import { mkdtempSync } from 'node:fs';
    import { lendLedgerVms } from ${module('ledger-vms')};
    import { noteUndo } from ${module('undo')};
    const folder = mkdtempSync(process.env.TMPDIR + '/mounted-');
    noteUndo('umount', '--lazy', folder);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
    noteUndo('ip', 'netns', 'delete', ${JSON.stringify(namespace)});
    execFileSync('ip', ['netns', 'add', ${JSON.stringify(namespace)}]);
    const lent = await lendLedgerVms();
    lent.nail(lent.home.root + '/nailed');`,
  );
  await own.end({ keep: false });
  await expectNothingOf(own);
  expect((await run('ip', ['netns', 'list'])).stdout).not.toContain(namespace);
});

test('after a run that left nothing, nothing is said; what a failed one has left in homes is kept', async () => {
  await using cache = await makeTempFolder('cache');
  const clean = await OwnRun.begin(cache.path);
  expect(await clean.end({ keep: true })).toEqual([]);
  await expectNothingOf(clean);
  const failed = await OwnRun.begin(cache.path);
  await begin(failed, `(await import('node:fs')).writeFileSync(process.env.VM_TASK_TEST_HOMES + '/evidence', '');`);
  expect(await failed.end({ keep: true })).toContain(`folder ${join(failed.homes, 'evidence')}`);
  expect(await readdir(failed.homes)).toEqual(['evidence']);
  expect(processesThatName(failed.name)).toEqual([]);
});
