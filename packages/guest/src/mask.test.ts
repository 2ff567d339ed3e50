import { runSeed } from '@vm-task/testing/seed';
import { expect, test } from 'vitest';
import { Mask } from './mask.ts';

function maskWhole(secrets: readonly string[], text: string): string {
  const masker = new Mask(secrets).masker();
  return Buffer.concat([masker.push(Buffer.from(text)), masker.flush()]).toString();
}

test('each byte of a secret becomes a star, so that the length stays', () => {
  expect(maskWhole(['hunter2'], 'a hunter2 b')).toBe('a ******* b');
  expect(maskWhole(['密码'], 'x密码y')).toBe('x******y');
});

test('what cannot be the start of a secret is shown at once', () => {
  const masker = new Mask(['hunter2']).masker();
  expect(masker.push(Buffer.from('done: hun')).toString()).toBe('done: ');
  expect(masker.push(Buffer.from('dred\n')).toString()).toBe('hundred\n');
});

test('secrets that overlap are both masked, also when the first is already shown', () => {
  const masker = new Mask(['abc', 'cde']).masker();
  const shown = ['ab', 'c', 'd', 'ef'].map((chunk) => masker.push(Buffer.from(chunk)).toString()).join('');
  expect(shown + masker.flush()).toBe('*****f');
});

test('the base64 and JSON forms of a secret and the lines of a long one are masked', () => {
  const secret = 'first "line"\nsecond line';
  // As the programs `base64` and `jq` print it.
  expect(maskWhole([secret], 'k: Zmlyc3QgImxpbmUiCnNlY29uZCBsaW5l;')).toBe('k: ********************************;');
  expect(maskWhole([secret], String.raw`{"k":"first \"line\"\nsecond line"}`)).toBe(
    '{"k":"***************************"}',
  );
  expect(maskWhole([secret], '  second line  ')).toBe('  ***********  ');
});

test('an empty secret masks nothing', () => {
  expect(maskWhole([''], 'text')).toBe('text');
});

/** Slow and plain: a character is hidden when a secret stands anywhere over it. */
function hide(secrets: readonly string[], text: string): string {
  const isHidden = (at: number) =>
    secrets.some((secret) => {
      for (let begin = at - secret.length + 1; begin <= at; begin++)
        if (text.startsWith(secret, begin) && begin >= 0) return true;
      return false;
    });
  return [...text].map((character, at) => (isHidden(at) ? '*' : character)).join('');
}

test('wherever chunks are cut, exactly the characters of secrets are hidden', () => {
  const seed = runSeed('chunks of secrets');
  const random = mulberry32(seed);
  const secrets = ['aab', 'abab', 'ba\nb', 'aaaa'];
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 200 }, () => 'ab\n'[Math.floor(random() * 2.2)]).join('');
    const masker = new Mask(secrets).masker();
    let shown = '';
    for (let at = 0; at < text.length; ) {
      const length = Math.floor(random() * 7);
      shown += masker.push(Buffer.from(text.slice(at, at + length)));
      at += length;
    }
    shown += masker.flush();
    expect(shown, `seed ${seed}, round ${round}`).toBe(hide(secrets, text));
  }
});

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
