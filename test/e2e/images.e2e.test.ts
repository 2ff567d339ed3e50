import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import { imageDisk } from '@vm-task/hypervisor/images/image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { expect, it } from 'vitest';
import { lendVms } from './vms.ts';

const run = promisify(execFile);

it('an image holds no host key, no machine-id and no password', async () => {
  await using vms = await lendVms();
  const { home, cache } = vms.environment;
  const unwatched = { report: () => {}, signal: new AbortController().signal };
  const image = await ensureImage({ home, cache, recipesFolder }, parseImageRef('base'), unwatched);
  const raw = join(home.root, 'disk.raw');
  await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', imageDisk(image), raw]);
  const look = async (command: string) => (await run('/usr/sbin/debugfs', ['-R', command, raw])).stdout;
  expect(await look('ls -p /etc/ssh')).not.toContain('ssh_host');
  expect(await look('cat /etc/machine-id')).toBe('');
  expect(await look('cat /etc/shadow')).toMatch(/^root:\*:/);
  expect((await look('cat /etc/shadow')).split('\n').filter((line) => /:\$/.test(line))).toEqual([]);
});
