import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { readSecrets } from './secrets.ts';

const none = async () => null;
const needing = (secrets: Record<string, string>, team?: string) => ({ spec: { secrets, setup: [] }, team });

async function homeWith(content: string | Buffer, mode = 0o600) {
  const folder = await makeTempFolder('secrets');
  const home = homeAt(folder.path);
  await mkdir(home.secrets);
  await writeFile(home.secret('key'), content);
  await chmod(home.secret('key'), mode);
  return {
    home,
    read: () => readSecrets(home, needing({ KEY: 'key' }), none),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test('a secret is the text of its file without one line end', async () => {
  for (const [content, value] of [
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['a\nb c\n\n', 'a\nb c\n'],
  ]) {
    await using stage = await homeWith(content ?? '');
    expect((await stage.read()).environment).toEqual({ KEY: value });
  }
});

test('a file that others may read is refused with the command that sets it right', async () => {
  for (const mode of [0o640, 0o604, 0o660]) {
    await using stage = await homeWith('hunter2', mode);
    await expect(stage.read()).rejects.toThrow(`run chmod 600 ${stage.home.secret('key')}`);
  }
});

test('what is no regular file is refused without being waited for', async () => {
  await using stage = await homeWith('hunter2');
  await symlink(stage.home.secret('key'), stage.home.secret('link'));
  execFileSync('mkfifo', ['-m', '600', stage.home.secret('pipe')]);
  await mkdir(stage.home.secret('folder'), { mode: 0o700 });
  for (const name of ['link', 'pipe', 'folder', 'none']) {
    await expect(readSecrets(stage.home, needing({ KEY: name }), none)).rejects.toMatchObject({
      code: 'secret-unusable',
    });
  }
});

test('so much of secrets as can be looked for is taken, in one value and in all of a task', async () => {
  await using stage = await homeWith('x'.repeat(32 * 1024));
  expect((await stage.read()).environment['KEY']).toHaveLength(32 * 1024);
  await writeFile(stage.home.secret('other'), 'more', { mode: 0o600 });
  const both = readSecrets(stage.home, needing({ KEY: 'key', OTHER: 'other' }), none);
  await expect(both).rejects.toThrow('the secrets of the task have 32772 bytes together and may have 32768');
  await writeFile(stage.home.secret('key'), 'x'.repeat(32 * 1024 + 1));
  await expect(stage.read()).rejects.toThrow(`${stage.home.secret('key')} has 32769 bytes and may have 32768`);
});

test('a value that is too short to mask, too long for a variable, or no text is refused', async () => {
  for (const content of ['', 'abc\n', 'a\0bcd', 'x'.repeat(200_000), Buffer.from([0xff, 0xfe, 0x41, 0x42])]) {
    await using stage = await homeWith(content);
    await expect(stage.read()).rejects.toMatchObject({ code: 'secret-unusable' });
  }
});

test('what a git step gives as a password is one line, is masked, and is not in the environment of the process', async () => {
  await using stage = await homeWith('hunter2\n');
  const step = { kind: 'git', url: 'https://host/a', path: 'a', secret: 'key' } as const;
  const secrets = await readSecrets(stage.home, { spec: { secrets: {}, setup: [step] } }, none);
  expect(secrets.environment).toEqual({});
  expect(secrets.gitPassword('key')).toBe('hunter2');
  expect(secrets.maskText(`basic ${Buffer.from('me:hunter2').toString('base64')}`)).not.toContain('aHVudGVyMg');
  expect(secrets.maskText('pass hunter2')).toBe('pass *******');
  await writeFile(stage.home.secret('key'), 'hunter2\nquit=1\n', { mode: 0o600 });
  const longer = await readSecrets(stage.home, { spec: { secrets: {}, setup: [step] } }, none);
  expect(() => longer.gitPassword('key')).toThrow('the secret "key" has more than one line');
});

test('what was set for all hosts counts where the home has no file of that name', async () => {
  await using stage = await homeWith('of the file');
  const asked: string[] = [];
  const stored = async ({ name }: { readonly name: string }) => {
    asked.push(name);
    return name === 'other' ? 'that was set' : null;
  };
  const { environment } = await readSecrets(stage.home, needing({ KEY: 'key', OTHER: 'other' }), stored);
  expect(environment).toEqual({ KEY: 'of the file', OTHER: 'that was set' });
  expect(asked).toEqual(['other']);
  const missing = readSecrets(stage.home, needing({ KEY: 'third' }), stored);
  await expect(missing).rejects.toThrow('./vm-task secret set third');
  // Whoever has put a file there means it.
  await chmod(stage.home.secret('key'), 0o644);
  await expect(readSecrets(stage.home, needing({ KEY: 'key' }), stored)).rejects.toThrow('chmod 600');
});

test("a task of a team gets what was set for it, and never a file, which is the home's", async () => {
  await using stage = await homeWith('of the file');
  const stored = async ({ team, name }: { readonly team: string | null; readonly name: string }) =>
    team === 'red' && name === 'other' ? 'of red' : null;
  const read = (name: string) => readSecrets(stage.home, needing({ KEY: name }, 'red'), stored);
  expect((await read('other')).environment).toEqual({ KEY: 'of red' });
  await expect(read('key')).rejects.toThrow(
    'none was set for the team red and this host; set it by ./vm-task secret set key --team red',
  );
});
