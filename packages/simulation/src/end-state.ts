/** What must not be left when the faults have stopped and time has passed. */
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { Broker } from './broker/broker.ts';
import type { Guests } from './guest.ts';
import { epochMs } from './host.ts';
import type { Ledger } from './ledger.ts';
import type { Violation } from './observations.ts';
import type { Properties } from './properties.ts';
import type { SeenTask } from './seen-of-tasks.ts';

export interface EndState {
  readonly broker: Broker;
  readonly ledgers: readonly Ledger[];
  readonly properties: Properties;
  readonly people: { readonly accepted: ReadonlySet<TaskId | PipelineId> };
  readonly children: { readonly accepted: ReadonlySet<TaskId> };
  readonly warm: number;
  /** On each host. */
  readonly provisioners: number;
}

/** Past the longest pause after a failure, and the time in which a worker's message comes back. */
const patienceMs = 90_000;

/** In the calm, no task may wait for nothing: its events or its jobs go on, or those of others who have the VMs. */
export function stalledTasks(
  { properties, guests }: Pick<EndState, 'properties'> & { readonly guests: Guests },
  calmSinceMs: number,
  nowMs: number,
): readonly Violation[] {
  const live = properties.tasks.filter(({ completed }) => completed === null);
  // One that a later version has goes on until its time is over, as far as anybody here knows.
  const lastMoveMs = (task: SeenTask) =>
    task.eventStream.at(-1)?.type === 'unknown'
      ? nowMs
      : Math.max(calmSinceMs, lastEventMs(task), guests.busyUntilMs(task.created.data.task));
  const lastOfAllMs = Math.max(...properties.tasks.map(lastMoveMs));
  const stands = (task: SeenTask) =>
    // One that has no VM yet may wait for those that have.
    nowMs - (task.ready === null ? lastOfAllMs : lastMoveMs(task)) > patienceMs;
  const still = live.filter(stands);
  return still.map(({ created, eventStream }) => {
    const what = `${created.data.task} stands still at ${eventStream.at(-1)?.type} although nothing fails any more`;
    return { promise: 'I2', what };
  });
}

/** Between two attempts the next move is not due before the wait is over. */
function lastEventMs({ eventStream }: SeenTask): number {
  const head = eventStream.at(-1);
  const movedMs = head?.type === 'task.retrying' ? Date.parse(head.data.notBefore) : head?.time.getTime();
  return (movedMs ?? 0) - epochMs;
}

type Missing = (promise: string, what: string) => void;

/** Empty when everything has ended well. */
export function unfinished(end: EndState): readonly Violation[] {
  const open: Violation[] = [];
  const missing: Missing = (promise, what) => void open.push({ promise, what });
  lookAtTasks(end, missing);
  for (const ledger of end.ledgers) lookAtVms(ledger, end.warm * end.provisioners, missing);
  for (const { name, open: count } of end.broker.durables) {
    if (count > 0) missing('I4', `${name} has ${count} messages that nobody has settled`);
  }
  return open;
}

function lookAtTasks({ properties, people, children }: EndState, missing: Missing): void {
  const accepted = [...people.accepted, ...children.accepted];
  for (const id of accepted) if (!properties.has(id)) missing('I1', `${id} was accepted and never created`);
  for (const { promise, what } of properties.pipelines.unfinished()) missing(promise, what);
  for (const { created, completed, vms } of properties.tasks) {
    const { task } = created.data;
    if (completed === null) missing('I2', `${task} has no terminal event`);
    for (const vm of vms) if (!properties.goneVms.has(vm)) missing('I6', `${vm} of ${task} is not gone`);
  }
}

/** Each provisioner may have made the warm ones at the same moment. */
function lookAtVms({ states, machines, strays }: Ledger, maxWarm: number, missing: Missing): void {
  for (const { phase, record } of states) {
    if (phase !== 'ready') missing('I6', `${record.vm} is still ${phase} in the ledger`);
  }
  if (states.length > maxWarm) missing('I6', `${states.length} VMs are there, at most ${maxWarm} are warm`);
  const inLedger = new Set(states.map(({ record }) => record.vm));
  for (const vm of machines) if (!inLedger.has(vm)) missing('I5', `${vm} runs and is in no ledger`);
  for (const { vm } of strays) missing('I6', `the stray ${vm} is still there`);
}
