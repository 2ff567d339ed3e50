/**
 * Waiting for what must become true, instead of sleeping for what usually takes so long. The map of this package:
 *
 * | file | role |
 * |---|---|
 * | `broker.ts`, `nats-server.ts`, `proxy.ts`, `test-worker.ts` | a broker of one's own, and a network that fails |
 * | `ssh-guest.ts`, `control-groups.ts` | a guest without a VM |
 * | `malicious-guest.ts`, `guest-conversation.ts`, `hostile-files.ts`, `ssh-floods.ts` | one that a task has taken over |
 * | `fake-hypervisor.ts`, `ledger-rules.ts`, `ledger-vms.ts` | a hypervisor without machines; a real ledger with light processes |
 * | `sample-events.ts`, `sample-states.ts`, `tasks-by-hand.ts` | an ordinary task, an ordinary VM; stored and left by hand |
 * | `webhook-receiver.ts`, `wall-clock.ts`, `temp-folder.ts`, `processes.ts` | what a host has |
 * | `leak-check.ts` | nothing is left of a test |
 * | `markdown.ts` | documentation that is compared with the code |
 */
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface Condition {
  /** What is waited for, for the error: "the task is completed". */
  readonly what: string;
  /** Generous: other work may have the machine. It costs time only when the test fails. */
  readonly limitMs?: number;
}

const defaultLimitMs = 20_000;
/**
 * Between two looks: short at first, so that what is quick is seen at once; and no shorter than the look took, so that
 * looking leaves the machine to what is waited for.
 */
const firstPauseMs = 1;
const longestPauseMs = 50;

type Falsy = false | null | undefined | 0 | '';

/**
 * The first value of `probe` that is not false, null, undefined, 0 or empty; a probe that throws has none yet.
 * @throws after the limit: what was waited for, and what the last look showed.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { what, limitMs = defaultLimitMs }: Condition,
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + limitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const began = performance.now();
    const look = await lookOnce(probe);
    if (look.value) return look.value as Exclude<T, Falsy>;
    const now = performance.now();
    if (now > end) {
      throw new Error(`not within ${limitMs} ms: ${what}; the last look showed ${look.shown}`, { cause: look.error });
    }
    await delay(Math.max(pauseMs, now - began));
  }
}

async function lookOnce<T>(probe: () => T | Promise<T>): Promise<{ value: T | null; shown: string; error?: unknown }> {
  try {
    const value = await probe();
    return { value, shown: inspect(value, { depth: 4 }) };
  } catch (error) {
    return { value: null, shown: `an error: ${error instanceof Error ? error.message : String(error)}`, error };
  }
}
