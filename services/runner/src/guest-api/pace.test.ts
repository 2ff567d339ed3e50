import { expect, test, vi } from 'vitest';
import { Pace } from './pace.ts';

test('a flood of requests is answered at a rate, in order, and who would wait too long is turned away', async () => {
  vi.useFakeTimers();
  try {
    const pace = new Pace();
    const passed: number[] = [];
    const refused: unknown[] = [];
    for (let i = 0; i < 500; i++) {
      pace.pass().then(
        () => passed.push(i),
        (error: unknown) => refused.push(error),
      );
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(passed.length).toBeLessThanOrEqual(40);
    expect(refused.length).toBeGreaterThan(300);
    expect(refused[0]).toMatchObject({ code: 'not-ready' });
    const before = passed.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(passed.length - before).toBeGreaterThan(15);
    expect(passed.length - before).toBeLessThan(25);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(passed.length + refused.length).toBe(500);
    expect(passed).toEqual([...passed].sort((a, b) => a - b));
  } finally {
    vi.useRealTimers();
  }
});
