import { expect, test } from 'vitest';
import { groupOf, parseSending, textMaxBytes } from './inbox.ts';

const sending = { to: 'anna', from: 'test', text: '你好' };

test('a text of any language is taken as it is, up to a size in bytes', () => {
  expect(parseSending(sending)).toEqual({ ...sending, priority: 'normal', links: [] });
  const largest = '垃'.repeat(Math.floor(textMaxBytes / 3));
  expect(parseSending({ ...sending, text: largest }).text).toBe(largest);
  expect(() => parseSending({ ...sending, text: `${largest}圾` })).toThrow(
    /the text has 65538 bytes and may have 65536/,
  );
});

test.each([
  [{ ...sending, to: 'Anna' }, /to: must be 1 to 32/],
  [{ ...sending, to: '*' }, /to: must be 1 to 32/],
  [{ ...sending, text: '' }, /text: the text is empty/],
  [{ ...sending, priority: 'high' }, /priority: /],
  [{ ...sending, txt: 'x' }, /txt: unknown key; did you mean "text"/],
])('%j is refused with a sentence', (wrong, sentence) => {
  expect(() => parseSending(wrong)).toThrow(sentence);
});

test('what cannot wait is now, what is to be done is pending, and what has been read is for reference', () => {
  const unread = { readAt: null };
  expect(groupOf({ priority: 'urgent', ...unread })).toBe('now');
  expect(groupOf({ priority: 'normal', ...unread })).toBe('pending');
  expect(groupOf({ priority: 'info', ...unread })).toBe('reference');
  expect(groupOf({ priority: 'urgent', readAt: '2026-01-01T00:00:00.000Z' })).toBe('reference');
});
