import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { Mask } from './mask.ts';

const secret = 'p@ss/w0rd+<of> "Ännä" & \'co\' ~50% $HOME';

function mask(secrets: readonly string[], text: string, cuts: readonly number[] = []): string {
  const masker = new Mask(secrets).masker();
  const bytes = Buffer.from(text);
  const ends = [...cuts, bytes.length];
  const shown = ends.map((end, at) => masker.push(bytes.subarray(ends[at - 1] ?? 0, end)));
  return Buffer.concat([...shown, masker.flush()]).toString();
}

/** What a program makes of the secret, in the words around it. */
function printed(program: string, ...args: string[]): string {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', SECRET: secret };
  return execFileSync(program, args, { input: secret, encoding: 'utf8', env });
}

/** Exactly the characters whose six bits are all the secret's, and the next one where it is as if nothing followed. */
function hiddenBase64(before: string, value: string, after: string, encoding: 'base64' | 'base64url'): string {
  const [begin, end] = [Buffer.byteLength(before) * 8, Buffer.byteLength(before + value) * 8];
  const encoded = Buffer.from(before + value + after).toString(encoding);
  const alone = Buffer.from(before + value)
    .toString(encoding)
    .replace(/=+$/, '');
  const isHidden = (at: number) => at * 6 >= begin && (at * 6 + 6 <= end || encoded[at] === alone[at]);
  return [...encoded].map((character, at) => (isHidden(at) ? '*' : character)).join('');
}

describe('base64 is masked', () => {
  test.each(['base64', 'base64url'] as const)('as %s, whatever stands before and behind the secret', (encoding) => {
    for (const value of ['hunter2', 'key??>>~~??', secret]) {
      for (const before of ['', 'u', 'me', 'user:', 'oauth2:', 'admin:']) {
        for (const after of ['', '\n', ':x', 'abc']) {
          const text = Buffer.from(before + value + after).toString(encoding);
          expect(mask([value], text), JSON.stringify([before, value, after])).toBe(
            hiddenBase64(before, value, after, encoding),
          );
        }
      }
    }
  });

  test('as programs wrap it, in columns and with line ends of either kind; the line ends stay', () => {
    const long = `${secret} `.repeat(10).trim();
    for (const columns of [16, 64, 76]) {
      for (const lineEnd of ['\n', '\r\n']) {
        const wrap = (text: string) => text.replaceAll(new RegExp(`(.{${columns}})(?!$)`, 'g'), `$1${lineEnd}`);
        const whole = hiddenBase64('', long, '', 'base64');
        const encoded = Buffer.from(long).toString('base64');
        expect(mask([long], `k: ${wrap(encoded)}.`)).toBe(`k: ${wrap(whole)}.`);
      }
    }
  });
});

describe('what a program prints of a secret is masked:', () => {
  test.each([
    ['hexadecimal digits', Buffer.from(secret).toString('hex')],
    ['large ones', Buffer.from(secret).toString('hex').toUpperCase()],
    [
      'hexadecimal digits in lines',
      Buffer.from(secret)
        .toString('hex')
        .replaceAll(/(.{60})/g, '$1\n'),
    ],
    ['a part of a URL', encodeURIComponent(secret)],
    ['one with small digits', encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase())],
    ['one that encodes all it can', encodeURIComponent(secret).replaceAll(/[!'()*]/g, escapeByte)],
    [
      'one that leaves slashes',
      encodeURIComponent(secret)
        .replaceAll(/[!'()*]/g, escapeByte)
        .replaceAll('%2F', '/'),
    ],
    ['a form', new URLSearchParams({ k: secret }).toString().slice(2)],
    ['JSON', JSON.stringify(secret).slice(1, -1)],
    ['JSON in JSON', JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
    ['JSON with slashes escaped', JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')],
    ['JSON of ASCII', JSON.stringify(secret).slice(1, -1).replaceAll('Ä', '\\u00c4').replaceAll('ä', '\\u00e4')],
    [
      'JSON for a web page',
      JSON.stringify(secret)
        .slice(1, -1)
        .replaceAll(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
    ],
    ['XML', xml(secret, '&quot;', '&apos;')],
    ['HTML', xml(secret, '&quot;', '&#39;')],
    ['HTML, other digits', xml(secret, '&#34;', '&#x27;')],
    ['the text of XML', xml(secret, '"', "'")],
    ['a word of a shell', secret.replaceAll("'", String.raw`'\''`)],
    ['one in quotes of both kinds', secret.replaceAll("'", `'"'"'`)],
    ['one in double quotes', secret.replaceAll(/["$`\\]/g, String.raw`\$&`)],
  ])('%s', (_what, text) => {
    expect(mask([secret], `k=${text};`).replaceAll('\n', '')).toBe(
      `k=${'*'.repeat(Buffer.byteLength(text.replaceAll('\n', '')))};`,
    );
  });

  test.each([
    ['set -x of sh', ['sh', '-c', 'cat >/dev/null; exec 2>&1; set -x; : "$SECRET"'], /p@|HOME/],
    ['set -x of bash', ['bash', '-c', 'cat >/dev/null; exec 2>&1; set -x; : "$SECRET"'], /p@|HOME/],
    ['printf %q of bash', ['bash', '-c', 'cat >/dev/null; printf %q "$SECRET"'], /p@|HOME/],
    ['od', ['sh', '-c', 'od -An -v -tx1 | tr -d " "'], /[0-9a-f]{3}/],
    ['base64', ['base64', '-w20'], /[A-Za-z0-9]{3}/],
  ] as const)('%s', (_what, [program, ...args], left) => {
    const shown = mask([secret], printed(program, ...args));
    expect(shown).not.toMatch(left);
    expect(shown).toMatch(/\*{20}/);
  });
});

test('a line that may begin a secret is shown at once when it ends', () => {
  const masker = new Mask(['hunter2']).masker();
  const first = Buffer.from('hunter2').toString('base64').slice(0, 3);
  expect(masker.push(Buffer.from(`done ${first}\n`)).toString()).toBe(`done ${first}\n`);
});

test('wherever chunks are cut, the same characters of every form are hidden', () => {
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret), Buffer.from(secret).toString('hex')];
  const wrapped = Buffer.from(`u:${secret}`)
    .toString('base64')
    .replaceAll(/(.{16})/g, '$1\r\n');
  const text = [...forms, wrapped, 'and more'].join('\n');
  const whole = mask([secret], text);
  for (let at = 1; at < text.length; at++) expect(mask([secret], text, [at]), `cut at ${at}`).toBe(whole);
  const everywhere = Array.from({ length: Buffer.byteLength(text) }, (_, at) => at);
  expect(mask([secret], text, everywhere)).toBe(whole);
});

test('many needles and long ones are found in one reading', () => {
  const lines = Array.from(
    { length: 600 },
    (_, at) => `line ${at} of the key ${Buffer.from(String(at * 7)).toString('hex')}`,
  );
  const key = lines.join('\n');
  expect(mask([key], `<${key}>`)).toBe(`<${'*'.repeat(key.length)}>`);
  expect(mask([key], [...lines].reverse().join('|'))).toMatch(/^[*|]+$/);
  expect(mask(['a'.repeat(4_000), 'aaaa'], 'a'.repeat(100_000))).toBe('*'.repeat(100_000));
});

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function xml(text: string, quote: string, apostrophe: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return escaped.replaceAll('"', quote).replaceAll("'", apostrophe);
}
