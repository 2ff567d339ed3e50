/**
 * What a booting image gets from us without anything of ours in it: systemd credentials in the firmware's tables
 * (SMBIOS type 11, systemd ≥ 252): who may log in, and the host key that will answer.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSshKey, type SshKey } from '@vm-task/guest/keys';

export interface Seed {
  readonly hostKey: SshKey;
  readonly loginKey: SshKey;
  /** Names of files in the folder, one credential each. */
  readonly credentials: readonly string[];
}

/** New keys, and the files that bring them in. */
export async function writeSeed(folder: string): Promise<Seed> {
  const hostKey = generateSshKey();
  const loginKey = generateSshKey();
  const key = '/etc/ssh/ssh_host_ed25519_key';
  const contents = {
    'ssh.authorized_keys.root': `${loginKey.publicKey}\n`,
    // f+~: the file is replaced, its content is in base64 (tmpfiles.d).
    'tmpfiles.extra': [
      `f+~ ${key} 0600 root root - ${base64(hostKey.privateKey)}`,
      `f+~ ${key}.pub 0644 root root - ${base64(`${hostKey.publicKey}\n`)}`,
      '',
    ].join('\n'),
  };
  const credentials = Object.entries(contents).map(async ([name, content]) => {
    const file = `credential.${name}`;
    await writeFile(join(folder, file), `io.systemd.credential.binary:${name}=${base64(content)}`, { mode: 0o444 });
    return file;
  });
  return { hostKey, loginKey, credentials: await Promise.all(credentials) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
