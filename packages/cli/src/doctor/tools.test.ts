import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minimumServerVersion, untestedServerVersion } from '@vm-task/bus/streams';
import { repositoryRoot } from '@vm-task/embedded/repository';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { findOldServer, lackingOf, readNeeds } from './tools.ts';

const qemu = { program: 'a-hypervisor', packageName: 'a-package', minimum: '8.2' };
const any = { program: 'a-tool', packageName: 'tools', minimum: '0' };

test('programs that are there and new enough pass; what is too old or missing is named', async () => {
  await using folder = await makeTempFolder('tools');
  const install = async (name: string, says: string) => {
    await writeFile(join(folder.path, name), `#!/bin/sh\n${says}\n`);
    await chmod(join(folder.path, name), 0o755);
  };
  const lacking = () => lackingOf([qemu, any], `${folder.path}:/usr/bin:/bin`);
  await install('a-hypervisor', 'echo "A hypervisor, version 10.0.2 (Debian)"');
  await install('a-tool', 'exit 1');
  expect(await lacking()).toEqual([]);
  await install('a-hypervisor', 'echo "A hypervisor, version 8.1.9"');
  expect(await lacking()).toEqual([{ need: qemu, problem: 'a-hypervisor is 8.1.9, and 8.2 or newer is needed' }]);
  await install('a-hypervisor', 'echo hello');
  expect(await lacking()).toMatchObject([
    { problem: 'a-hypervisor is of an unknown version, and 8.2 or newer is needed' },
  ]);
  expect(await lackingOf([{ ...any, program: 'no-such-program' }])).toMatchObject([
    { problem: 'no-such-program is not installed' },
  ]);
});

test('what the set-up installs is what is looked for', async () => {
  const needs = await readNeeds(join(repositoryRoot, 'setup', 'needs.sh'));
  expect(needs).toContainEqual({ program: 'qemu-system-x86_64', packageName: 'qemu-system-x86', minimum: '8.2' });
  expect(needs.map(({ program }) => program)).toContain('pasta');
  expect(needs.length).toBeGreaterThan(5);
});

test('a nats-server that the set-up took half a year ago is told, with what takes it anew', () => {
  const record = { program: '/cache/nats-server', takenAt: new Date('2026-01-01') };
  expect(findOldServer(null, new Date('2027-01-01'))).toBeNull();
  expect(findOldServer(record, new Date('2026-06-29'))).toBeNull();
  expect(findOldServer(record, new Date('2026-06-30'))).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('180 days ago'),
    fix: expect.stringContaining('rm /cache/nats-server /cache/nats-server.sha256'),
  });
});

test('the set-up has the same bounds for nats-server as the services', async () => {
  const needs = await readFile(join(repositoryRoot, 'setup', 'needs.sh'), 'utf8');
  expect(/^nats_server_minimum=(.*)$/m.exec(needs)?.[1]).toBe(minimumServerVersion.replace(/\.0$/, ''));
  expect(/^nats_server_untested=(.*)$/m.exec(needs)?.[1]).toBe(untestedServerVersion.replace(/\.0$/, ''));
});
