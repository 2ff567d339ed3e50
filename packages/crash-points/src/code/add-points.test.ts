import { expect, test } from 'vitest';
import { addPoints } from './add-points.ts';
import { findEffects } from './find-effects.ts';

function withPoints(source: string): string {
  const { code, calls } = findEffects(source);
  return addPoints(
    code,
    calls.map((call) => ({ ...call, place: call.name })),
  );
}

test('a method keeps what it is called on and what it is given, also nothing', () => {
  expect(withPoints(`const f = async () => all.js.publish(await subject(), '(');`)).toBe(
    `const f = async () => vmTaskEffect("f.publish", all.js, "publish", await subject(), '(');`,
  );
  expect(withPoints(`const f = async () => (await open()).sync( );`)).toBe(
    `const f = async () => vmTaskEffect("f.sync", (await open()), "sync" );`,
  );
});

test('a function is called as one', () => {
  const source = `import { rm } from 'node:fs/promises';\nexport const f = () => rm(a, { force: true });`;
  expect(withPoints(source)).toContain('f = () => vmTaskEffect("f.rm", null, rm, a, { force: true });');
});

test('an effect in the arguments of another one has its points, too', () => {
  const source = `import { mkdtemp, rm } from 'node:fs/promises';\nexport const f = async () => rm(await mkdtemp('a'));`;
  expect(withPoints(source)).toContain(
    'vmTaskEffect("f.rm", null, rm, await vmTaskEffect("f.mkdtemp", null, mkdtemp, \'a\'))',
  );
});
