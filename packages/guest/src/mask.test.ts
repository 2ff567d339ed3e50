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

test('a masker knows whether it has found one, and what it gave away before has no part of it', () => {
  for (const cuts of [[3, 9], [12], [5, 6, 7, 8, 9, 10, 11], []]) {
    const masker = new Mask(['hunter2']).masker();
    const text = 'text hunter2 and more';
    let given = '';
    for (const [at, end] of [...cuts, text.length].entries()) {
      const shown = masker.push(Buffer.from(text.slice(cuts[at - 1] ?? 0, end)));
      expect(masker.hasFound).toBe(end >= 'text hunter2'.length);
      if (masker.hasFound) break;
      given += shown;
    }
    expect('text ').toContain(given);
  }
  const clean = new Mask(['hunter2']).masker();
  clean.push(Buffer.from('hunter'));
  clean.flush();
  expect(clean.hasFound).toBe(false);
});

test('the first and the last line of a key in PEM are no secret', () => {
  const pem = (line: string) => `-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----`;
  expect(maskWhole([pem('MC4CAQAwBQYDK2Vw')], pem('MC4CAQAwBQYDK2VX'))).toBe(pem('MC4CAQAwBQYDK2VX'));
  expect(maskWhole([pem('MC4CAQAwBQYDK2Vw')], 'MC4CAQAwBQYDK2Vw')).toBe('*'.repeat(16));
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
