import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { writeSeed } from './seed.ts';

function decoded(file: string): { name: string; content: string } {
  const [, name = '', content = ''] = /^io\.systemd\.credential\.binary:([a-z_.]+)=([A-Za-z0-9+/=]+)$/.exec(file) ?? [];
  return { name, content: Buffer.from(content, 'base64').toString() };
}

test('the seed brings in who may log in and the host key that answers, and nothing else', async () => {
  await using folder = await makeTempFolder('seed');
  const seed = await writeSeed(folder.path);
  expect([...seed.credentials].sort()).toEqual((await readdir(folder.path)).sort());
  const files = await Promise.all(seed.credentials.map((name) => readFile(join(folder.path, name), 'utf8')));
  const [login, tmpfiles] = files.map(decoded);
  expect(login).toEqual({ name: 'ssh.authorized_keys.root', content: `${seed.loginKey.publicKey}\n` });
  expect(tmpfiles?.name).toBe('tmpfiles.extra');
  const [privateLine = '', publicLine = ''] = tmpfiles?.content.split('\n') ?? [];
  const written = (line: string) => Buffer.from(line.split(' ')[6] ?? '', 'base64').toString();
  expect(privateLine).toMatch(/^f\+~ \/etc\/ssh\/ssh_host_ed25519_key 0600 root root - /);
  expect(written(privateLine)).toBe(seed.hostKey.privateKey);
  expect(publicLine).toMatch(/^f\+~ \/etc\/ssh\/ssh_host_ed25519_key\.pub 0644 root root - /);
  expect(written(publicLine)).toBe(`${seed.hostKey.publicKey}\n`);
});
