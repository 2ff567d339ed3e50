import { expect, test } from 'vitest';
import { openBrokerClock } from './broker-clock.ts';

test('the clock shows the time of the broker, however wrong the host is', async () => {
  using stop = new Stopped();
  const broker = Date.UTC(2031, 0, 1);
  const clock = await openBrokerClock(async () => new Date(broker), stop.signal);
  const shown = clock.nowMs();
  expect(shown - broker).toBeGreaterThanOrEqual(0);
  // The host's own clock is years away.
  expect(shown - broker).toBeLessThan(3_600_000);
});

test('a broker that does not tell its time at the start is an error', async () => {
  using stop = new Stopped();
  const away = async () => Promise.reject(new Error('no answer'));
  await expect(openBrokerClock(away, stop.signal)).rejects.toThrow('no answer');
});

class Stopped implements Disposable {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  [Symbol.dispose](): void {
    this.#controller.abort();
  }
}
