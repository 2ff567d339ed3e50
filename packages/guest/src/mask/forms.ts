/** The forms in which tools print a secret. What encrypts, compresses or cuts it makes forms that nobody can know. */

/** A line of a longer secret counts as one from this length: shorter ones, such as `}`, would mask ordinary output. */
const lineMinChars = 8;
/** Of every key and certificate alike, so it tells nothing of one. */
const pemBoundary = /^-+(BEGIN|END) [A-Z0-9 ]+-+$/;
/** Fewer digits of a secret than its own characters may be are found everywhere. */
const encodedMinChars = 4;

/** The secret, its lines, and what quotes and escapes make of the whole. */
export function textForms(secret: string): string[] {
  if (secret === '') return [];
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= lineMinChars && !pemBoundary.test(line));
  const escaped = [jsonForms, urlForms, xmlForms, shellForms].flatMap((formsOf) => formsOf(secret));
  return [...new Set([secret, ...lines, ...escaped])];
}

/**
 * In base64, as the secret stands behind a number of bytes that three divides, and behind one and two more: the characters
 * that are all the secret's, and with the last one as it is when nothing follows.
 */
export function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const begin = Math.ceil((before * 8) / 6);
    return [encoded.slice(begin), encoded.slice(begin, Math.floor(((before + bytes.length) * 8) / 6))];
  });
  return [...new Set(forms)].filter((form) => form.length >= encodedMinChars);
}

export function hexForms(secret: string): string[] {
  return secret === '' ? [] : [Buffer.from(secret).toString('hex')];
}

/** As `jq`, Python (ASCII alone), PHP (slashes too) and Go (safe in a web page) write it; and JSON in JSON. */
function jsonForms(secret: string): string[] {
  const plain = insideQuotes(secret);
  const unicode = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const ascii = plain.replaceAll(/[\u007f-\uffff]/g, unicode);
  const slashes = plain.replaceAll('/', '\\/');
  return [
    plain,
    ascii,
    ascii.replaceAll(/\\u[0-9a-f]{4}/g, (code) => `\\u${code.slice(2).toUpperCase()}`),
    slashes,
    ascii.replaceAll('/', '\\/'),
    plain.replaceAll(/[<>&\u2028\u2029]/g, unicode),
    insideQuotes(plain),
  ];
}

function insideQuotes(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Parts of URLs and forms: with all that may be encoded, with what JavaScript leaves, with slashes left. */
function urlForms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const leaving = (kept: RegExp) =>
    Array.from(bytes, (byte) => {
      const character = String.fromCharCode(byte);
      return byte < 128 && kept.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    }).join('');
  const strict = leaving(/[\w.~-]/);
  const upper = [
    strict,
    strict.replaceAll('%2F', '/'),
    leaving(/[\w.~!*'()-]/),
    // Of a user's password in a URL, and of a whole URL.
    leaving(/[\w.~!$&'()*+,%-]/),
    leaving(/[\w.~!*'();/?:@&=+$,#-]/),
    leaving(/[\w.*-]/).replaceAll('%20', '+'),
    strict.replaceAll('%20', '+'),
  ];
  return upper.flatMap((form) => [form, form.replaceAll(/%../g, (code) => code.toLowerCase())]);
}

/** In text, where quotes may stay, and in attributes; the names and numbers that quotes have. */
function xmlForms(secret: string): string[] {
  const text = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return ['"', '&quot;', '&#34;'].flatMap((quote) =>
    ["'", '&apos;', '&#39;', '&#x27;'].map((apostrophe) => text.replaceAll('"', quote).replaceAll("'", apostrophe)),
  );
}

/** In quotes of each kind, as shells and Python write them, and without quotes. */
function shellForms(secret: string): string[] {
  const ansi = insideQuotes(secret).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return [
    secret.replaceAll("'", "'\\''"),
    secret.replaceAll("'", `'"'"'`),
    secret.replaceAll(/["$`\\]/g, '\\$&'),
    secret.replaceAll(/["$`\\!]/g, '\\$&'),
    // bash, and Ruby.
    secret.replaceAll(/^[#~]|[\s'"\\|&;()<>!{}*[\]?^$`,]/g, '\\$&'),
    secret.replaceAll(/[^\w.,:+/@\n-]/gu, '\\$&'),
    ansi,
  ];
}
