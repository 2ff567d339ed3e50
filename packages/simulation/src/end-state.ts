/** What must not be left when the faults have stopped and time has passed. */
import type { TaskId } from '@vm-task/shared/ids';
import type { Guests } from './guest.ts';
import { epochMs } from './host.ts';
import type { Broker } from './broker/broker.ts';
import type { Ledger } from './ledger.ts';
import type { Violation } from './observations.ts';
import type { Properties, SeenTask } from './properties.ts';

export interface EndState {
  readonly broker: Broker;
  readonly ledger: Ledger;
  readonly properties: Properties;
  readonly people: { readonly accepted: ReadonlySet<TaskId> };
  readonly warm: number;
  readonly provisioners: number;
}

/** Past the longest pause after a failure, and the time in which a worker's message comes back. */
const patienceMs = 90_000;

/** In the calm, no task may wait for nothing: its events or its jobs go on, or others have the VMs. */
export function standingStill(
  { properties, guests }: Pick<EndState, 'properties'> & { readonly guests: Guests },
  calmSinceMs: number,
  nowMs: number,
): readonly Violation[] {
  const live = properties.tasks.filter(({ completed }) => completed === null);
  const stands = (task: SeenTask) => {
    const lastEventMs = (task.spine.at(-1)?.time.getTime() ?? 0) - epochMs;
    const lastMoveMs = Math.max(calmSinceMs, lastEventMs, guests.busyUntilMs(task.created.data.task));
    return nowMs - lastMoveMs > patienceMs;
  };
  const still = live.filter((task) => (task.ready !== null || live.length === 1) && stands(task));
  return still.map(({ created, spine }) => {
    const what = `${created.data.task} stands still at ${spine.at(-1)?.type} although nothing fails any more`;
    return { promise: 'I2', what };
  });
}

/** Empty when everything has ended well. */
export function unfinished({ broker, ledger, properties, people, warm, provisioners }: EndState): readonly Violation[] {
  const open: Violation[] = [];
  const missing = (promise: string, what: string) => open.push({ promise, what });
  const known = new Set(properties.tasks.map(({ created }) => created.data.task));
  for (const task of people.accepted) if (!known.has(task)) missing('I1', `${task} was accepted and never created`);
  for (const { created, completed, ready } of properties.tasks) {
    const { task } = created.data;
    if (completed === null) missing('I2', `${task} has no terminal event`);
    if (ready !== null && !properties.goneVms.has(ready.data.vm))
      missing('I6', `${ready.data.vm} of ${task} is not gone`);
  }
  for (const { phase, record } of ledger.states) {
    if (phase !== 'ready') missing('I6', `${record.vm} is still ${phase} in the ledger`);
  }
  // Each provisioner may have made one at the same moment.
  const mostWarm = warm * provisioners;
  if (ledger.states.length > mostWarm) missing('I6', `${ledger.states.length} VMs are there, at most ${mostWarm} are warm`);
  const inLedger = new Set(ledger.states.map(({ record }) => record.vm));
  for (const vm of ledger.machines) if (!inLedger.has(vm)) missing('I5', `${vm} runs and is in no ledger`);
  for (const { vm } of ledger.strays) missing('I6', `the stray ${vm} is still there`);
  for (const { name, open: count } of broker.durables) {
    if (count > 0) missing('I4', `${name} has ${count} messages that nobody has settled`);
  }
  return open;
}
