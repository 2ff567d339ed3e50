/** The host's wall clock, as far as this process asks it for the time. */
import { onTestFinished, vi } from 'vitest';

const hourMs = 3_600_000;

/** Until the test ends. */
export function setBackByAnHour(): void {
  setBack(hourMs);
}

/** Until the test ends. */
export function setBack(ms: number): void {
  const now = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - ms);
  onTestFinished(() => clock.mockRestore());
}
