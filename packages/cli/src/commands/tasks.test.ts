import { expect, test } from 'vitest';
import { timingsText } from './tasks.ts';

test('the phases of all attempts are shown together, and are the total', () => {
  const phases = [
    { attempt: 1, phase: 'queued', ms: 10 },
    { attempt: 1, phase: 'setup', ms: 200 },
    { attempt: 2, phase: 'queued', ms: 500 },
    { attempt: 2, phase: 'overhead', ms: 90 },
  ] as const;
  const none = { queuedMs: null, vmReadyMs: null, setupMs: null, runMs: null };
  const text = timingsText({ ...none, totalMs: 800, phases: [...phases] });
  expect(text).toBe('queued 510 ms, setup 200 ms, overhead 90 ms, total 800 ms');
});
