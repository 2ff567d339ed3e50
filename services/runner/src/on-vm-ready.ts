/** Handles vm.ready. Emits: task.resumed | task.setup.done | task.retrying | task.completed. One attempt, from wherever it stands. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome, ignore, retry } from '@vm-task/bus/outcome';
import { cancellingOf, isTakenOver } from '@vm-task/shared/attempt-at';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Draft, Head, Stored } from '@vm-task/shared/events';
import { Attempt } from './attempt.ts';
import { endOrRetry } from './end-or-retry.ts';
import type { AttemptsInFlight } from './on-task-cancelling.ts';
import { runAttempt } from './run-attempt.ts';
import type { RunnerParts, Running } from './runner-parts.ts';
import { leaveToNewer } from './unknown-driver.ts';

/** At the end of a drain: the next runner may take over at once. */
const handOverMs = 100;

export async function onVmReady(
  handling: Handling<Stored<'vm.ready'>>,
  inFlight: AttemptsInFlight,
  parts: Running,
): Promise<HandlerOutcome> {
  const attempt = await begin(handling, parts);
  if (!(attempt instanceof Attempt)) return attempt;
  using _ = inFlight.add(attempt);
  for (;;) {
    try {
      const ending = await runAttempt(attempt, parts, handling.log);
      const { outcome, error } = ending.data;
      const event = await endOrRetry(attempt, ending, parts.bus);
      const next = event.type;
      handling.log.info(
        { outcome, error: error?.code, next, expectedSeq: attempt.expectedSeq },
        'the attempt has ended',
      );
      return done(event, {
        expectedSeq: attempt.expectedSeq,
        settle: (appended) => endCancelled(ending, appended, handling, parts),
      });
    } catch (error) {
      const outcome = await standAfter(error, attempt, handling, parts);
      if (outcome !== 'again') return outcome;
    }
  }
}

/**
 * The attempt with the sequence that it expects, or nothing of it where the VM's driver is not known. A first delivery works on `vm.ready` itself. Any other takes the attempt over with
 * `task.resumed` before it touches the VM (I8, I10), or finds it being cancelled, whose sequence then is the expected one.
 */
async function begin(
  { event, head, deliveries, signal }: Handling<Stored<'vm.ready'>>,
  { bus, host, config }: RunnerParts,
): Promise<Attempt | HandlerOutcome> {
  const ready = event.data;
  const capabilities = config.drivers.capabilitiesOf(ready.driver);
  if (capabilities === null) return await leaveToNewer(bus, ready, signal);
  const attemptFrom = (expectedSeq: number, resumed: boolean) =>
    new Attempt({ ready, capabilities }, { expectedSeq, resumed, readyAt: event.time }, signal);
  if (deliveries === 1 && head?.seq === event.seq) return attemptFrom(event.seq, false);
  const { task, pool, attempt, vm, host: vmHost } = ready;
  const before = cancellingOf(attempt, head);
  if (before !== null) return cancelledBefore(attemptFrom(0, true), before);
  // No two deliveries have one number, so this names exactly one of them.
  const runner = `${host}/${process.pid}/${deliveries}`;
  const resumed: Draft = { type: 'task.resumed', data: { v: 1, task, pool, attempt, vm, runner }, host: vmHost };
  const appended = await bus.append(resumed, head?.seq ?? event.seq, signal);
  if (appended.kind === 'stored') {
    const { data, seq } = appended.event;
    if ('runner' in data && data.runner === runner) return attemptFrom(seq, true);
    return ignore('another delivery resumed the attempt at the same time');
  }
  const meanwhile = cancellingOf(attempt, appended.head);
  return meanwhile === null ? whenMovedOn(appended.head) : cancelledBefore(attemptFrom(0, true), meanwhile);
}

function cancelledBefore(attempt: Attempt, head: Stored<'task.cancelling'>): Attempt {
  attempt.cancel(head);
  return attempt;
}

/** A cancelling that came between the process's end and its event changes nothing about how it ended. */
async function endCancelled(
  ending: Draft<'task.completed'>,
  appended: Awaited<ReturnType<RunnerParts['bus']['append']>>,
  { signal, event }: Handling<Stored<'vm.ready'>>,
  { bus }: RunnerParts,
): Promise<void> {
  const cancelling = appended.kind === 'stored' ? null : cancellingOf(event.data.attempt, appended.head);
  if (cancelling !== null) await bus.append(ending, cancelling.seq, signal);
}

/** What an error means follows from where the task stands now. @throws the error itself when the attempt is still ours. */
async function standAfter(
  error: unknown,
  attempt: Attempt,
  { signal, log }: Handling<Stored<'vm.ready'>>,
  { bus }: RunnerParts,
): Promise<HandlerOutcome | 'again'> {
  if (signal.aborted) return retry(handOverMs, 'the runner ends; its successor goes on with the process');
  const head = await bus.head(attempt.ready);
  const isSuperseded = error instanceof VmTaskError && error.code === 'log-overtaken';
  if (isSuperseded)
    log.info({ err: error, expectedSeq: attempt.expectedSeq, head: head?.seq }, 'the broker refused output');
  attempt.cancel(head);
  if (head?.seq !== attempt.expectedSeq) return whenMovedOn(head);
  if (!isSuperseded) throw error;
  // Another runner wrote before us: if it goes on, it will be refused, and we go on behind what it stored.
  attempt.resume();
  return 'again';
}

function whenMovedOn(head: Head | null): HandlerOutcome {
  return isTakenOver(head) ? ignore('another runner goes on with this attempt') : done();
}
