import { mkdir, stat, writeFile } from 'node:fs/promises';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { encryptFor, newHostKey, readHostKey } from './host-key.ts';

async function homeWithKey(content: string | null) {
  const folder = await makeTempFolder('host-key');
  const home = homeAt(folder.path);
  await mkdir(home.credentials);
  if (content !== null) await writeFile(home.secretsKey, content, { mode: 0o600 });
  return { home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());

test('what is encrypted for a key is opened with it, and with no other, and not when it was altered', async () => {
  await using own = await homeWithKey(newHostKey());
  await using another = await homeWithKey(newHostKey());
  const [key, other] = [readHostKey(own.home), readHostKey(another.home)];
  const { box, sender } = encryptFor(key?.publicKey ?? '', Buffer.from('hunter2'));
  expect(Buffer.from(box).toString('latin1')).not.toContain('hunter2');
  expect(text(key?.open(box, sender) ?? null)).toBe('hunter2');
  expect(other?.open(box, sender)).toBeNull();
  expect(key?.open(box, other?.publicKey ?? '')).toBeNull();
  expect(key?.open(box, 'no key')).toBeNull();
  for (const at of [0, 10, box.length - 1]) {
    const altered = box.map((byte, index) => (index === at ? byte ^ 1 : byte));
    expect(key?.open(altered, sender)).toBeNull();
  }
});

test('the same value encrypted twice is not the same', async () => {
  await using stage = await homeWithKey(newHostKey());
  const publicKey = readHostKey(stage.home)?.publicKey ?? '';
  const [one, two] = [encryptFor(publicKey, Buffer.from('hunter2')), encryptFor(publicKey, Buffer.from('hunter2'))];
  expect(one.sender).not.toBe(two.sender);
  expect(one.box).not.toEqual(two.box);
});

test('a home without a key has none, and a file that is no key is refused without being shown', async () => {
  await using none = await homeWithKey(null);
  expect(readHostKey(none.home)).toBeNull();
  for (const content of ['', 'SXnonsense', 'hunter2\n']) {
    await using stage = await homeWithKey(content);
    const reading = () => readHostKey(stage.home);
    expect(reading).toThrow(expect.objectContaining({ code: 'secret-unusable' }));
    if (content !== '') expect(reading).not.toThrow(content.trim());
    expect((await stat(stage.home.secretsKey)).mode & 0o077).toBe(0);
  }
});
