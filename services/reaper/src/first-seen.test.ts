import { expect, test } from 'vitest';
import { FirstSeen } from './first-seen.ts';

test('something has lasted when it was seen at each look for so long', () => {
  const seen = new FirstSeen();
  const look = (nowMs: number, ...what: string[]) => {
    const lasted = what.filter((one) => seen.hasLasted(one, 30_000, nowMs));
    seen.endLook();
    return lasted;
  };
  expect(look(0, 'stray')).toEqual([]);
  expect(look(29_000, 'stray')).toEqual([]);
  expect(look(30_000, 'stray', 'other')).toEqual(['stray']);
  expect(look(31_000, 'other')).toEqual([]);
  expect(look(62_000, 'stray', 'other')).toEqual(['other']);
});
