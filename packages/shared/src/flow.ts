/**
 * Who reacts to what: the one table that the services, their files and the documentation mirror (`flow.test.ts` holds
 * them together). A worker is a durable consumer whose messages are handled one per free slot; a follower reads
 * without acknowledging and may be replayed from any point.
 */

import type { EventType } from './events.ts';
import type { StreamName } from './stream-name.ts';
import { commandSubjects, eventPatterns, everything, pipelineSubject, taskSubject } from './subjects.ts';

export const services = ['intake', 'provisioner', 'runner', 'reaper'] as const;
export type ServiceName = (typeof services)[number];

export interface FlowRow {
  readonly service: ServiceName;
  /** `services/<service>/src/<file>.ts`. */
  readonly file: string;
  readonly stream: StreamName;
  /** The durable's name; `<pool>` and `<host>` make it one per pool or host. Null: a follower. */
  readonly consumer: string | null;
  readonly filters: readonly string[];
  readonly emits: readonly EventType[];
}

const row = <const T extends FlowRow>(r: T): Readonly<T> => Object.freeze(r);

export const flow = {
  intakeOnTaskSubmit: row({
    service: 'intake',
    file: 'on-task-submit',
    stream: 'COMMANDS',
    consumer: 'intake-task-submit',
    filters: [commandSubjects.submit],
    emits: ['task.created'],
  }),
  intakeOnTaskSpawn: row({
    service: 'intake',
    file: 'on-task-spawn',
    stream: 'COMMANDS',
    consumer: 'intake-task-spawn',
    filters: [commandSubjects.spawn],
    emits: ['task.created'],
  }),
  intakeOnTaskCancel: row({
    service: 'intake',
    file: 'on-task-cancel',
    stream: 'COMMANDS',
    consumer: 'intake-task-cancel',
    filters: [commandSubjects.cancel],
    emits: ['task.cancelling'],
  }),
  intakeOnDeadletterReplay: row({
    service: 'intake',
    file: 'on-deadletter-replay',
    stream: 'COMMANDS',
    consumer: 'intake-deadletter-replay',
    filters: [commandSubjects.replay],
    emits: [],
  }),
  intakeOnAlertRaised: row({
    service: 'intake',
    file: 'on-alert-raised',
    stream: 'EVENTS',
    consumer: 'intake-alert-raised',
    filters: [eventPatterns['alert.raised']],
    emits: [],
  }),
  intakeOnPipelineSubmit: row({
    service: 'intake',
    file: 'on-pipeline-submit',
    stream: 'COMMANDS',
    consumer: 'intake-pipeline-submit',
    filters: [commandSubjects.submitPipeline],
    emits: ['pipeline.created'],
  }),
  intakeOnPipelineCancel: row({
    service: 'intake',
    file: 'on-pipeline-cancel',
    stream: 'COMMANDS',
    consumer: 'intake-pipeline-cancel',
    filters: [commandSubjects.cancelPipeline],
    emits: ['pipeline.cancelling'],
  }),
  intakeOnPipelineCreated: row({
    service: 'intake',
    file: 'on-pipeline-created',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-created',
    filters: [pipelineSubject('pipeline.created', '*')],
    emits: ['pipeline.advanced', 'pipeline.completed'],
  }),
  intakeOnPipelineAdvanced: row({
    service: 'intake',
    file: 'on-pipeline-advanced',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-advanced',
    filters: [pipelineSubject('pipeline.advanced', '*')],
    emits: ['task.created'],
  }),
  intakeOnPipelineCancelling: row({
    service: 'intake',
    file: 'on-pipeline-cancelling',
    stream: 'EVENTS',
    consumer: 'intake-pipeline-cancelling',
    filters: [pipelineSubject('pipeline.cancelling', '*')],
    emits: ['task.created', 'task.cancelling', 'pipeline.completed'],
  }),
  intakeOnTaskCompleted: row({
    service: 'intake',
    file: 'on-task-completed',
    stream: 'EVENTS',
    consumer: 'intake-task-completed',
    filters: [taskSubject('task.completed', '*', '*')],
    emits: ['pipeline.advanced', 'pipeline.completed'],
  }),
  intakeOnAnyEvent: row({
    service: 'intake',
    file: 'on-any-event',
    stream: 'EVENTS',
    consumer: null,
    filters: [everything],
    emits: [],
  }),
  provisionerOnTaskCreated: row({
    service: 'provisioner',
    file: 'on-task-created',
    stream: 'EVENTS',
    consumer: 'provisioner-task-created-<pool>',
    filters: ['task.created.<pool>.*'],
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnDueRetry: row({
    service: 'provisioner',
    file: 'on-due-retry',
    stream: 'TIMERS',
    consumer: 'provisioner-due-retry-<pool>',
    filters: ['due.retry.<pool>.*'],
    emits: ['vm.ready', 'task.retrying', 'task.completed'],
  }),
  provisionerOnTaskRetrying: row({
    service: 'provisioner',
    file: 'on-task-retrying',
    stream: 'EVENTS',
    consumer: 'provisioner-task-retrying-<host>',
    filters: [taskSubject('task.retrying', '*', '*')],
    emits: ['vm.gone'],
  }),
  provisionerOnTaskCompleted: row({
    service: 'provisioner',
    file: 'on-task-completed',
    stream: 'EVENTS',
    consumer: 'provisioner-task-completed-<host>',
    filters: [taskSubject('task.completed', '*', '*')],
    emits: ['vm.gone'],
  }),
  runnerOnVmReady: row({
    service: 'runner',
    file: 'on-vm-ready',
    stream: 'EVENTS',
    consumer: 'runner-vm-ready',
    filters: [taskSubject('vm.ready', '*', '*')],
    emits: ['task.resumed', 'task.setup.done', 'task.retrying', 'task.completed'],
  }),
  runnerOnTaskCancelling: row({
    service: 'runner',
    file: 'on-task-cancelling',
    stream: 'EVENTS',
    consumer: null,
    filters: [taskSubject('task.cancelling', '*', '*'), taskSubject('task.completed', '*', '*')],
    emits: [],
  }),
  reaperOnTaskCancelling: row({
    service: 'reaper',
    file: 'on-task-cancelling',
    stream: 'EVENTS',
    consumer: 'reaper-task-cancelling',
    filters: [taskSubject('task.cancelling', '*', '*')],
    emits: ['task.completed'],
  }),
  reaperOnTaskRetrying: row({
    service: 'reaper',
    file: 'on-task-retrying',
    stream: 'EVENTS',
    consumer: 'reaper-task-retrying',
    filters: [taskSubject('task.retrying', '*', '*')],
    emits: [],
  }),
  reaperOnAnyEvent: row({
    service: 'reaper',
    file: 'on-any-event',
    stream: 'EVENTS',
    consumer: null,
    filters: [everything],
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

/** A row's durable and filters for one pool or host. Thrown when a placeholder is left: a programming error. */
export function consumerFor(
  flowRow: FlowRow & { consumer: string },
  scope: { readonly pool?: string; readonly host?: string } = {},
): { readonly stream: StreamName; readonly name: string; readonly filters: readonly string[] } {
  const fill = (text: string) => {
    const filled = text.replace('<pool>', scope.pool ?? '<pool>').replace('<host>', scope.host ?? '<host>');
    if (filled.includes('<')) throw new Error(`${text} needs a scope`);
    return filled;
  };
  return { stream: flowRow.stream, name: fill(flowRow.consumer), filters: flowRow.filters.map(fill) };
}
