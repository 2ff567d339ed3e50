/** What must not be left when the faults have stopped and time has passed. */
import type { TaskId } from '@vm-task/shared/ids';
import type { Broker } from './broker/broker.ts';
import type { Ledger } from './ledger.ts';
import type { Violation } from './observations.ts';
import type { Properties } from './properties.ts';

export interface EndState {
  readonly broker: Broker;
  readonly ledger: Ledger;
  readonly properties: Properties;
  readonly people: { readonly accepted: ReadonlySet<TaskId> };
  readonly warm: number;
}

/** Empty when everything has ended well. */
export function unfinished({ broker, ledger, properties, people, warm }: EndState): readonly Violation[] {
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
  if (ledger.states.length > warm) missing('I6', `${ledger.states.length} VMs are there, and ${warm} are to be warm`);
  const inLedger = new Set(ledger.states.map(({ record }) => record.vm));
  for (const vm of ledger.machines) if (!inLedger.has(vm)) missing('I5', `${vm} runs and is in no ledger`);
  for (const { vm } of ledger.strays) missing('I6', `the stray ${vm} is still there`);
  for (const { name, open: count } of broker.durables) {
    if (count > 0) missing('I4', `${name} has ${count} messages that nobody has settled`);
  }
  return open;
}
