import { expect, test } from 'vitest';
import { formatImageRef, parseImageRef, parseImageVersion } from './image-ref.ts';

test('a name alone leaves the version open, name@version does not', () => {
  expect(parseImageRef('python')).toEqual({ name: 'python', version: null });
  expect(parseImageRef('python@3.10')).toEqual({ name: 'python', version: '3.10' });
});

test('what is formatted reads back as the same', () => {
  for (const text of ['python', 'my-image@1.2.3']) expect(formatImageRef(parseImageRef(text))).toBe(text);
});

test('anything else is refused with the text that was given', () => {
  for (const text of ['', '@1', 'Python', 'a/b', '../x', 'a@', 'a@b', 'a@1@2', 'a@1/..', 'a b', '-a', 'a@01']) {
    expect(() => parseImageRef(text), text).toThrow(/is not an? image (name|version)/);
  }
});

test('where exactly one image is needed, a name without a version is refused', () => {
  expect(() => parseImageVersion('python')).toThrow('"python" names no version: write python@<version>');
  expect(parseImageVersion('python@1')).toEqual({ name: 'python', version: '1' });
});
