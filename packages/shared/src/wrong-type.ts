/** The parser's complaint about a type, in the words of whoever wrote the file. */

const expectedWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  record: 'a map',
  object: 'a map',
};

const receivedWords: Readonly<Record<string, string>> = {
  ...expectedWords,
  null: 'nothing',
  Map: 'a map',
  Set: 'a set',
  Date: 'a date',
  Buffer: 'binary data',
  Uint8Array: 'binary data',
  NaN: 'a number without a value',
  Infinity: 'a number without end',
};

/** What text in quotes is read as without them. */
const quotable: ReadonlySet<string> = new Set(['number', 'boolean', 'Date', 'NaN', 'Infinity']);

/** `must be text, not a number; write it in quotes` of zod's `Invalid input: expected string, received number`. */
export function inPlainWords(message: string): string {
  const [, expected = '', received = ''] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  const wanted = expectedWords[expected];
  if (wanted === undefined) return message;
  if (received === 'undefined') return `is missing; it must be ${wanted}`;
  // A fraction is a number, too.
  if (expected === 'int' && received === 'number') return `must be ${wanted}`;
  const hint = expected === 'string' && quotable.has(received) ? '; write it in quotes' : '';
  return `must be ${wanted}, not ${receivedWords[received] ?? received}${hint}`;
}
