/** Tasks by their events alone: accepted, made once, ended once, and ended as they should (I1, I2, I3, I6). */
import type { Stored } from '@vm-task/shared/events';
import type { Broken, Evidence } from './evidence.ts';
import { type Submission, wasAccepted } from './submitter.ts';

export function checkTasks(evidence: Evidence): Broken[] {
  const { events } = evidence.streams;
  const created = events.filter((event) => event.type === 'task.created');
  return [
    ...lost(evidence, created),
    ...madeTwice(evidence, created),
    ...created.flatMap((event) => checkStream(event, events)),
    ...checkCancels(evidence),
    ...checkVms(events),
  ];
}

const numberOf = (created: Stored<'task.created'>): number => Number(created.data.spec.env['CHAOS_TASK']);

function lost({ submissions, streams }: Evidence, created: readonly Stored<'task.created'>[]): Broken[] {
  const ids = new Set<string>(created.map(({ data }) => data.task));
  const causes = new Set(created.map(({ data }) => `${data.cause.kind} ${data.cause.id}`));
  const isLost = ({ ids: answered, commandSeq }: Submission) =>
    [...answered].some((id) => !ids.has(id)) || (commandSeq !== null && !streams.commands.has(commandSeq));
  return [
    ...submissions
      .filter((submission) => wasAccepted(submission) && isLost(submission))
      .map(({ task }) =>
        broken('nothing accepted is lost', `task ${task.number} was accepted by ${task.via} and is not there`),
      ),
    ...[...streams.commands]
      .filter(([seq]) => !causes.has(`command ${seq}`))
      .map(([seq, task]) =>
        broken('nothing accepted is lost', `command ${seq}, task ${task}, is stored and became none`),
      ),
  ];
}

function madeTwice({ submissions }: Evidence, created: readonly Stored<'task.created'>[]): Broken[] {
  return submissions.flatMap(({ task, ids }) => {
    const made = created.filter((event) => numberOf(event) === task.number);
    const all = new Set([...ids, ...made.map(({ data }) => data.task)]);
    return all.size <= 1 ? [] : [broken('no task is made twice', `task ${task.number} is ${[...all].join(' and ')}`)];
  });
}

const streamTypes = ['task.created', 'vm.ready', 'task.resumed', 'task.retrying', 'task.cancelling', 'task.completed'];

function checkStream(created: Stored<'task.created'>, events: readonly Stored[]): Broken[] {
  const { task } = created.data;
  const name = `task ${numberOf(created)} (${task})`;
  const own = events.filter((event) => 'task' in event.data && event.data.task === task);
  const ends = own.filter(({ type }) => type === 'task.completed');
  const found: Broken[] = [];
  if (ends.length !== 1) found.push(broken('one terminal event', `${name} has ${ends.length}`));
  const end = ends[0];
  const late = own.filter(({ type, seq }) => end !== undefined && seq > end.seq && type !== 'vm.gone');
  found.push(...late.map(({ type, seq }) => broken('nothing after the end', `${name} has ${type} at ${seq}`)));
  const eventStream = own.filter(({ type }) => streamTypes.includes(type));
  const cancelling = eventStream.findIndex(({ type }) => type === 'task.cancelling');
  const goesOn = eventStream.slice(cancelling + 1).filter(({ type }) => type !== 'task.completed');
  if (cancelling >= 0 && goesOn.length > 0) {
    found.push(broken('nothing after the end', `${name} goes on with ${goesOn[0]?.type} after it was cancelled`));
  }
  return [...found, ...checkAttempts(name, eventStream)];
}

/** One VM for each attempt, one attempt after the other, and no VM for two. */
function checkAttempts(name: string, eventStream: readonly Stored[]): Broken[] {
  const ready = eventStream.filter((event) => event.type === 'vm.ready');
  return ready.flatMap(({ data: { attempt, vm } }, index) => {
    const before = ready.slice(0, index);
    const again = before.some(({ data }) => data.attempt >= attempt || data.vm === vm);
    return again
      ? [broken('one start per attempt and step', `${name}: attempt ${attempt} has a second VM, ${vm}`)]
      : [];
  });
}

/** A yes to a cancel is an event; only who was asked to is cancelled. */
function checkCancels({ submissions, streams: { events } }: Evidence): Broken[] {
  return submissions.flatMap(({ task, ids, cancel }) => {
    const own = events.filter((event) => 'task' in event.data && event.data.task !== null && ids.has(event.data.task));
    const isStored = own.some(({ type }) => type === 'task.cancelling');
    if (cancel !== 'accepted' || isStored || ids.size === 0) return [];
    return [broken('nothing accepted is lost', `the cancel of task ${task.number} was accepted and is not there`)];
  });
}

function checkVms(events: readonly Stored[]): Broken[] {
  const gone = events.filter((event) => event.type === 'vm.gone').map(({ data }) => data.vm);
  const named = new Set(events.flatMap((event) => (event.type === 'vm.ready' ? [event.data.vm] : [])));
  return [...named].flatMap((vm) => {
    const times = gone.filter((other) => other === vm).length;
    return times === 1 ? [] : [broken('every VM is said to be gone, once', `${vm}: ${times} times`)];
  });
}

function broken(promise: Broken['promise'], what: string): Broken {
  return { promise, what };
}
