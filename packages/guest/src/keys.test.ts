import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import ssh2, { type ParsedKey } from 'ssh2';
import { expect, test } from 'vitest';
import { generateSshKey, type SshKey, sshKeyOf } from './keys.ts';

function parsed(text: string): ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

function isFaithful({ privateKey, publicKey }: SshKey): boolean {
  const signature = parsed(privateKey).sign('text');
  return parsed(publicKey).verify('text', signature) === true && parsed(publicKey).verify('other', signature) === false;
}

/** One in 256 of all keys: a careless writer takes the zero for padding. */
function keyWithLeadingZero(): KeyObject {
  for (;;) {
    const { privateKey } = generateKeyPairSync('ed25519');
    if (Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url')[0] === 0) return privateKey;
  }
}

test('what one half of a key signs, the other verifies', () => {
  expect(isFaithful(generateSshKey())).toBe(true);
  expect(isFaithful(sshKeyOf(keyWithLeadingZero()))).toBe(true);
});

test("OpenSSH's own program reads a key, and finds its public half in it", async () => {
  await using folder = await makeTempFolder('keys');
  for (const { privateKey, publicKey } of [generateSshKey(), sshKeyOf(keyWithLeadingZero())]) {
    const file = join(folder.path, 'key');
    writeFileSync(file, privateKey, { mode: 0o600 });
    expect(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim()).toBe(publicKey);
  }
});
