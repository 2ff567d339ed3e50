import { expect, test } from 'vitest';
import { requireAllowedImage } from './allowed-images.ts';
import { clonePoolSchema, planClone } from './pool.ts';

const pool = { image: 'python', images: ['base', 'tools@2.1'] };

test.each(['python', 'python@3.2.0', 'base', 'base@1', 'tools@2.1'])('%s is allowed by base, tools@2.1', (asked) => {
  requireAllowedImage(asked, 'default', pool);
});

test.each(['kali', 'tools', 'tools@2.2', 'tools@2.1.0', 'bas'])('%s is refused by base, tools@2.1', (asked) => {
  expect(() => requireAllowedImage(asked, 'default', pool)).toThrow(
    `pool "default" does not allow the image "${asked}"; it allows python, base, tools@2.1. Ask for one of these`,
  );
});

test("a pool's own image of one version lets no other version in", () => {
  const pinned = { image: 'python@3.2.0', images: [] };
  requireAllowedImage('python@3.2.0', 'default', pinned);
  expect(() => requireAllowedImage('python', 'default', pinned)).toThrow('it allows python@3.2.0.');
});

test('a pool without a list allows every image', () => {
  requireAllowedImage('kali', 'default', { image: 'python' });
});

test('a task is refused when it is planned; one that names no image gets the one of its pool', () => {
  const config = clonePoolSchema.parse({ images: ['base'] });
  expect(() => planClone({ run: 'true', image: 'kali' }, 'default', config)).toThrow(
    expect.objectContaining({ code: 'image-not-allowed' }),
  );
  expect(planClone({ run: 'true', image: 'base' }, 'default', config).image).toBe('base');
  expect(planClone({ run: 'true' }, 'default', config).image).toBe('python');
});

test('an entry that names no image is an error of the configuration', () => {
  expect(clonePoolSchema.safeParse({ images: ['../x'] }).success).toBe(false);
  expect(clonePoolSchema.safeParse({ images: ['python@latest'] }).success).toBe(false);
});
