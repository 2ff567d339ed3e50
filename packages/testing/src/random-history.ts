/** What a log may have on the subjects of one task, whoever spoke: for folds, which have to agree on what of it counts. */
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import { anyHost, type Draft, type Head, isTaskEnd, typeOf } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { chance } from './chance.ts';
import { asNewer } from './newer-events.ts';
import * as sample from './sample-events.ts';
import { storedAt } from './stored.ts';

export interface History {
  readonly task: TaskId;
  readonly events: readonly Head[];
  /** Those of `events` that count. */
  readonly counting: readonly Head[];
  readonly course: Course | null;
}

const hosts = ['host-1', 'host-2', 'host-3'];

/** A second apart, with sequences from 1 on; some are of a version that is not known here. */
export function randomHistory(seed: number): History {
  const pick = chance(seed);
  const oneOf = <T>(from: readonly T[]): T => from[pick(from.length)] as T;
  const task = sample.sampleTask();
  const vms = Array.from({ length: 3 }, () => sample.sampleVm());
  const others = Array.from({ length: 4 + pick(12) }, () => said(task, oneOf(vms), oneOf(hosts), pick));
  const created = { ...sample.created(task), host: oneOf([anyHost, 'host-1']) };
  const drafts = others.toSpliced(pick(2), 0, created);
  const events = drafts.map((draft, index): Head => {
    const event = storedAt(draft, index + 1);
    return draft.type !== 'task.created' && draft.type !== 'vm.gone' && pick(5) === 0 ? asNewer(event) : event;
  });
  const counting: Head[] = [];
  let course: Course | null = null;
  for (const event of events.filter((one) => typeOf(one) !== 'vm.gone')) {
    if (!maySpeak(course, event)) continue;
    course = courseAfter(course, event);
    counting.push(event);
  }
  return { task, events, counting, course };
}

/** The end is rarer than what comes before it. */
function said(task: TaskId, vm: VmId, host: string, pick: (max: number) => number): Draft {
  switch (pick(12)) {
    case 0:
    case 1:
    case 2:
      return sample.vmReady(task, { vm, attempt: 1 + pick(3) }, host);
    case 3:
      return sample.resumed(task, vm, {}, host);
    case 4:
    case 5:
      return sample.setupDone(task, {}, host);
    case 6:
    case 7:
      return sample.retrying(task, { vm }, host);
    case 8:
      return sample.retrying(task, {}, anyHost);
    case 9:
      return sample.cancelling(task, {}, pick(2) === 0 ? anyHost : host);
    case 10:
      return sample.vmGone(vm, { task }, host);
    default:
      return sample.completed(task, { vm }, pick(4) === 0 ? anyHost : host);
  }
}

/** True when the last of what counts is an end. */
export function hasEnded({ counting }: History): boolean {
  const last = counting.at(-1);
  return last !== undefined && isTaskEnd(last);
}
