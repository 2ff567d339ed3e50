import { expect, test } from 'vitest';
import { jsonText, resultText } from './result-text.ts';

/** Writes to the clipboard, clears the screen, goes up a line, in the two ways there are. */
const escapes = '\u001b]52;c;aGk=\u0007a\u001b[2Jb\u009b1Ac\rd\u007f';

test('a result loses on a terminal what moves the cursor, and keeps it on its way to a program', () => {
  expect(resultText(`${escapes}垃圾\n\tx`, { isTerminal: true, isLineOpen: false })).toBe('abcd垃圾\n\tx');
  expect(resultText(escapes, { isTerminal: false, isLineOpen: false })).toBe(escapes);
});

test('a result that is JSON says the same without a single such character', () => {
  for (const text of [
    resultText({ [escapes]: [escapes] }, { isTerminal: false, isLineOpen: false }),
    jsonText([escapes]),
  ]) {
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    expect(JSON.stringify(JSON.parse(text))).toContain(JSON.stringify(escapes));
  }
});

test('a result begins a line, also when the output before it has not ended its own', () => {
  expect(resultText([1], { isTerminal: false, isLineOpen: true })).toBe('\n[\n  1\n]');
  expect(resultText('text', { isTerminal: true, isLineOpen: true })).toBe('\ntext');
});
