/** Commands from another machine, which has an address, a token and a certificate of the system, and nothing else of it. */
import { execFile } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliMain } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { addresses, lendNetworkLab } from './network-lab.ts';
import { lendSystem } from './system.ts';
import type { Shown, Status } from './views.ts';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

needs.root(test)(
  'from another network a task is run, followed, read, and cancelled, with an address, a token and a certificate',
  async () => {
    await using lab = await lendNetworkLab();
    const http = { host: addresses.host, port: 0, tls: true };
    await using system = await lendSystem({ http, pools: { default: { warm: 0 } } }, lab.host);
    expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
    const { url } = (await system.json<Status>(['status'])).http;
    expect(url).toMatch(`https://${addresses.host}:`);
    const created = await system.vmTask(['token', 'create', 'laptop', '--role', 'submitter', '--json']);
    const made = JSON.parse(created.stdout) as { token: string };
    await using laptop = await makeTempFolder('laptop');
    const ca = join(laptop.path, 'ca.pem');
    await copyFile(join(system.home.credentials, 'ca.pem'), ca);

    const vmTask = (words: readonly string[], more: Record<string, string> = {}) => {
      const own = { HOME: laptop.path, VM_TASK_HOME: join(laptop.path, 'none'), XDG_CONFIG_HOME: laptop.path };
      const env = childEnvironment({ ...own, VM_TASK_URL: url, VM_TASK_TOKEN: made.token, VM_TASK_CA: ca, ...more });
      const [program = '', ...args] = [
        ...lab.internet,
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        cliMain,
        ...words,
      ];
      return new Promise<Said>((resolve) => {
        execFile(program, args, { env, timeout: 240_000 }, (error, stdout, stderr) =>
          resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
        );
      });
    };

    expect(await vmTask(['run', '--', 'sh', '-c', 'echo hi; exit 7'])).toMatchObject({ code: 7, stdout: 'hi\n' });
    const task = { run: 'echo made > made.txt; echo said', artifacts: ['made.txt'] };
    const { stdout: submitted } = await vmTask(['submit', '--json', await system.taskFile(task)]);
    const { id } = JSON.parse(submitted) as { id: string };
    expect(await vmTask(['logs', '--follow', id])).toMatchObject({ code: 0, stdout: 'said\n' });
    expect((await vmTask(['files', id])).stdout).toContain('made.txt');
    expect(await vmTask(['get', id, 'made.txt', '--to', laptop.path])).toMatchObject({ code: 0 });
    expect(await readFile(join(laptop.path, 'made.txt'), 'utf8')).toBe('made\n');

    const { stdout: long } = await vmTask(['submit', '--json', '--', 'sleep', '1000']);
    const { id: sleeping } = JSON.parse(long) as { id: string };
    expect(await vmTask(['cancel', sleeping])).toMatchObject({ code: 0 });
    const outcome = async () => (await system.json<Shown>(['show', sleeping])).outcome;
    await eventually(async () => (await outcome()) === 'cancelled', {
      what: 'the task is cancelled',
      limitMs: 120_000,
    });

    // The certificate is of nobody whom a machine knows by itself, and the token goes to nobody else.
    const unknown = await vmTask(['list'], { VM_TASK_CA: '' });
    expect(unknown.code).not.toBe(0);
    expect(unknown.stdout + unknown.stderr).not.toContain(made.token);
  },
);
