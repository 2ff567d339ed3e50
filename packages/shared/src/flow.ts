/**
 * Who reacts to what: the one table that the services, their files and the documentation mirror (`flow.test.ts` holds
 * them together). A worker is a durable consumer whose messages are handled one per free slot; a follower reads
 * without acknowledging and may be replayed from any point.
 */

import { anyHost, type EventType } from './events.ts';
import type { ServiceName } from './roles.ts';
import type { StreamName } from './stream-name.ts';
import { commandSubjects, eventPatterns, everything } from './subjects.ts';

export interface FlowRow {
  readonly service: ServiceName;
  /** `services/<service>/src/<file>.ts`. */
  readonly file: string;
  readonly stream: StreamName;
  /** The durable's name; `<pool>` and `<host>` make it one per pool or host. Null: a follower. */
  readonly consumer: string | null;
  /** One for each durable: with several the broker takes half a second for each of its steps. */
  readonly filter: string;
  readonly emits: readonly EventType[];
}

const row = <const T extends FlowRow>(r: T): Readonly<T> => Object.freeze(r);

export const flow = {
  intakeOnTaskSubmit: row({
    service: 'intake',
    file: 'on-task-submit',
    stream: 'COMMANDS',
    consumer: 'intake-task-submit',
    filter: commandSubjects.submit,
    emits: ['task.created'],
  }),
  intakeOnTaskSpawn: row({
    service: 'intake',
    file: 'on-task-spawn',
    stream: 'COMMANDS',
    consumer: 'intake-task-spawn',
    filter: commandSubjects.spawn,
    emits: ['task.created', 'task.cancelling'],
  }),
  intakeOnMessageRead: row({
    service: 'intake',
    file: 'on-message-read',
    stream: 'COMMANDS',
    consumer: 'intake-message-read',
    filter: commandSubjects.readMessage,
    emits: [],
  }),
  intakeOnTaskCancel: row({
    service: 'intake',
    file: 'on-task-cancel',
    stream: 'COMMANDS',
    consumer: 'intake-task-cancel',
    filter: commandSubjects.cancel,
    emits: ['task.cancelling'],
  }),
  intakeOnTaskCancelling: row({
    service: 'intake',
    file: 'on-task-cancelling',
    stream: 'EVENTS',
    consumer: 'intake-task-cancelling',
    filter: eventPatterns['task.cancelling'],
    emits: ['task.cancelling'],
  }),
  intakeOnDeadletterReplay: row({
    service: 'intake',
    file: 'on-deadletter-replay',
    stream: 'COMMANDS',
    consumer: 'intake-deadletter-replay',
    filter: commandSubjects.replay,
    emits: [],
  }),
  intakeOnAlertRaised: row({
    service: 'intake',
    file: 'on-alert-raised',
    stream: 'EVENTS',
    consumer: 'intake-alert-raised',
    filter: eventPatterns['alert.raised'],
    emits: [],
  }),
  intakeOnPipelineSubmit: row({
    service: 'intake',
    file: 'on-pipeline-submit',
    stream: 'COMMANDS',
    consumer: 'intake-pipeline-submit',
    filter: commandSubjects.submitPipeline,
    emits: ['pipeline.created'],
  }),
  intakeOnPipelineCancel: row({
    service: 'intake',
    file: 'on-pipeline-cancel',
    stream: 'COMMANDS',
    consumer: 'intake-pipeline-cancel',
    filter: commandSubjects.cancelPipeline,
    emits: ['pipeline.cancelling'],
  }),
  intakeOnPipelineCreated: row({
    service: 'intake',
    file: 'on-pipeline-created',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-created',
    filter: eventPatterns['pipeline.created'],
    emits: ['pipeline.advanced', 'pipeline.completed'],
  }),
  intakeOnPipelineAdvanced: row({
    service: 'intake',
    file: 'on-pipeline-advanced',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-advanced',
    filter: eventPatterns['pipeline.advanced'],
    emits: ['task.created'],
  }),
  intakeOnPipelineCancelling: row({
    service: 'intake',
    file: 'on-pipeline-cancelling',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-cancelling',
    filter: eventPatterns['pipeline.cancelling'],
    emits: ['task.created', 'task.cancelling', 'pipeline.completed'],
  }),
  intakeOnTaskCompleted: row({
    service: 'intake',
    file: 'on-task-completed',
    stream: 'EVENTS',
    consumer: 'intake-task-completed',
    filter: eventPatterns['task.completed'],
    emits: ['pipeline.advanced', 'pipeline.completed'],
  }),
  intakeOnAnyEvent: row({
    service: 'intake',
    file: 'on-any-event',
    stream: 'EVENTS',
    consumer: null,
    filter: everything,
    emits: [],
  }),
  provisionerOnTaskCreated: row({
    service: 'provisioner',
    file: 'on-task-created',
    stream: 'EVENTS',
    consumer: 'created-pool-<pool>',
    filter: `task.created.<pool>.*.${anyHost}`,
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnTaskCreatedHere: row({
    service: 'provisioner',
    file: 'on-task-created',
    stream: 'EVENTS',
    consumer: 'created-host-<host>',
    filter: 'task.created.*.*.<host>',
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnDueRetry: row({
    service: 'provisioner',
    file: 'on-due-retry',
    stream: 'TIMERS',
    consumer: 'due-pool-<pool>',
    filter: `due.retry.<pool>.*.${anyHost}`,
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnDueRetryHere: row({
    service: 'provisioner',
    file: 'on-due-retry',
    stream: 'TIMERS',
    consumer: 'due-host-<host>',
    filter: 'due.retry.*.*.<host>',
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnTaskRetrying: row({
    service: 'provisioner',
    file: 'on-task-retrying',
    stream: 'EVENTS',
    consumer: 'retrying-<host>',
    filter: 'task.retrying.*.*.<host>',
    emits: ['vm.gone'],
  }),
  provisionerOnTaskCompleted: row({
    service: 'provisioner',
    file: 'on-task-completed',
    stream: 'EVENTS',
    consumer: 'release-<host>',
    filter: 'task.completed.*.*.<host>',
    emits: ['vm.gone'],
  }),
  runnerOnVmReady: row({
    service: 'runner',
    file: 'on-vm-ready',
    stream: 'EVENTS',
    consumer: 'runner-<host>',
    filter: 'vm.ready.*.*.<host>',
    emits: ['task.resumed', 'task.setup.done', 'task.retrying', 'task.completed'],
  }),
  runnerOnTaskCancelling: row({
    service: 'runner',
    file: 'on-task-cancelling',
    stream: 'EVENTS',
    consumer: 'cancelling-<host>',
    filter: 'task.cancelling.*.*.<host>',
    emits: [],
  }),
  reaperOnTaskCancelling: row({
    service: 'reaper',
    file: 'on-task-cancelling',
    stream: 'EVENTS',
    consumer: 'reaper-task-cancelling',
    filter: `task.cancelling.*.*.${anyHost}`,
    emits: ['task.completed'],
  }),
  reaperOnTaskRetrying: row({
    service: 'reaper',
    file: 'on-task-retrying',
    stream: 'EVENTS',
    consumer: 'reaper-task-retrying',
    filter: eventPatterns['task.retrying'],
    emits: [],
  }),
  reaperOnAnyEvent: row({
    service: 'reaper',
    file: 'on-any-event',
    stream: 'EVENTS',
    consumer: null,
    filter: everything,
    emits: [],
  }),
} as const satisfies Record<string, FlowRow>;

/** What a service publishes without a message to answer: from HTTP requests, from sweeps over clock and host. */
export const ownInitiative: Readonly<Record<ServiceName, readonly EventType[]>> = {
  intake: [
    'task.created',
    'task.cancelling',
    'task.completed',
    'pipeline.created',
    'pipeline.cancelling',
    'alert.raised',
  ],
  provisioner: ['vm.gone', 'alert.raised'],
  runner: ['alert.raised'],
  reaper: ['task.retrying', 'task.completed', 'vm.gone', 'alert.raised'],
};

/** A durable consumer: what it is called, and the one pattern that it takes. */
export interface Durable {
  readonly stream: StreamName;
  readonly name: string;
  readonly filter: string;
}

/** A row's durable for one pool or host. @throws when a placeholder is left: a programming error. */
export function consumerFor(
  flowRow: FlowRow & { consumer: string },
  scope: { readonly pool?: string; readonly host?: string } = {},
): Durable {
  const fill = (text: string) => {
    const filled = text.replace('<pool>', scope.pool ?? '<pool>').replace('<host>', scope.host ?? '<host>');
    if (filled.includes('<')) throw new Error(`${text} needs a scope`);
    return filled;
  };
  return { stream: flowRow.stream, name: fill(flowRow.consumer), filter: fill(flowRow.filter) };
}

/** Every durable that there has to be for these pools and hosts: control makes them all, hosts make none. */
export function durablesFor(pools: readonly string[], hosts: readonly string[]): Durable[] {
  const rows: readonly FlowRow[] = Object.values(flow);
  return rows.flatMap((flowRow) => {
    const { consumer } = flowRow;
    if (consumer === null) return [];
    const named = { ...flowRow, consumer };
    if (consumer.includes('<pool>')) return pools.map((pool) => consumerFor(named, { pool }));
    if (consumer.includes('<host>')) return hosts.map((host) => consumerFor(named, { host }));
    return [consumerFor(named)];
  });
}
