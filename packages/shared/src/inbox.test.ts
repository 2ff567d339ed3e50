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

test.each(['https://x.example/a?b#c', 'http://10.0.0.1:8080/', '/v1/tasks/x', '/v1/pipelines/x?y'])(
  'a link may lead to %s',
  (href) => {
    expect(parseSending({ ...sending, links: [{ title: 't', href }] }).links).toHaveLength(1);
  },
);

test.each([
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'vscode://x',
  '//evil.example',
  '/v1/../../x',
  '/\\evil.example',
  'evil.example',
  'https://user:pass@x.example',
  'https://x example',
  ' https://x.example',
])('a link may not lead to %s', (href) => {
  const send = () => parseSending({ ...sending, links: [{ title: 't', href }] });
  expect(send).toThrow(
    /links.0.href: must be an address that begins with https:\/\/ or http:\/\/, or a path of the API/,
  );
});

test('what cannot wait is now, what is to be done is pending, and what has been read is for reference', () => {
  const unread = { readAt: null };
  expect(groupOf({ priority: 'urgent', ...unread })).toBe('now');
  expect(groupOf({ priority: 'normal', ...unread })).toBe('pending');
  expect(groupOf({ priority: 'info', ...unread })).toBe('reference');
  expect(groupOf({ priority: 'urgent', readAt: '2026-01-01T00:00:00.000Z' })).toBe('reference');
});
