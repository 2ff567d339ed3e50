import { expect, test } from 'vitest';
import { shownPath } from './shown-path.ts';

test.each(['out/a.txt', 'out/with space.txt', '垃圾/報告.json', "it's", 'per%20cent', '-dash', '🦀', 'cafe\u0301'])(
  '%s is shown as it is',
  (path) => {
    expect(shownPath(path)).toBe(path);
  },
);

test.each([
  ['two\nlines', '"two\\nlines"'],
  ['\u001b[31mred', '"\\u001b[31mred"'],
  ['\u009b2J', '"\\u009b2J"'],
  ['gpj.\u202eexe', '"gpj.\\u202eexe"'],
  ['a\u2028b', '"a\\u2028b"'],
  ['latin\ufffd.txt', '"latin\\ufffd.txt"'],
  ['\ud800', '"\\ud800"'],
  ['\u{e0041}', '"\\udb40\\udc41"'],
  ['quo"te', '"quo\\"te"'],
  ['back\\slash', '"back\\\\slash"'],
  [' blank ', '" blank "'],
])('%j is shown in escapes, from which it can be read again', (path, shown) => {
  expect(shownPath(path)).toBe(shown);
  expect(JSON.parse(shown)).toBe(path);
});
