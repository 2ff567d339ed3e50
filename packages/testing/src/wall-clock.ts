/** The host's wall clock, as far as this process asks it for the time. */
import { onTestFinished, vi } from 'vitest';

/** Until the test ends. */
export function setBackByAnHour(): void {
  const now = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
  onTestFinished(() => clock.mockRestore());
}
