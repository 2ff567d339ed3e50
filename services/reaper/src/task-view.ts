/** What the log says of one task, as far as its deadlines go: a fold over its events, and nothing else. */
import type { EventData, Stored } from '@vm-task/shared/events';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';

export interface NamedVm {
  readonly id: VmId;
  readonly host: string;
}

export type Phase =
  | { readonly name: 'queue'; readonly sinceMs: number }
  /** Between two attempts: `sinceMs` is when the next one may begin, and from when on it waits for its VM. */
  | { readonly name: 'retry'; readonly sinceMs: number }
  | { readonly name: 'setup' | 'run'; readonly sinceMs: number; readonly vm: NamedVm }
  | { readonly name: 'cancelling'; readonly sinceMs: number; readonly vm: NamedVm | null };

interface KnownTask {
  readonly pool: string;
  readonly task: TaskId;
  /** Every VM that worked for it, so that all it left behind can be forgotten one day. */
  readonly vms: readonly VmId[];
  /** The pipeline of which it is a stage. */
  readonly partOf: PipelineId | null;
}

export interface LiveTask extends KnownTask {
  readonly kind: 'live';
  readonly attempt: number;
  /** Of the last event of its spine. */
  readonly headSeq: number;
  readonly createdMs: number;
  /** Its VM may be another task's after it, and is forgotten with that one. */
  readonly keepsVm: boolean;
  readonly timeouts: EventData<'task.created'>['spec']['timeouts'];
  readonly phase: Phase;
}

export interface EndedTask extends KnownTask {
  readonly kind: 'ended';
  readonly endedMs: number;
}

export type TaskView = LiveTask | EndedTask;

/** The task after one more of its events; null for one that the log no longer knows. */
export function foldTask(view: TaskView | null, event: Stored): TaskView | null {
  switch (event.type) {
    case 'task.created':
      return view ?? begin(event);
    case 'task.completed':
      return view?.kind === 'ended' ? view : end(view, event);
    case 'vm.gone':
      return view === null ? null : withVm(view, event.data.vm);
    case 'vm.ready':
    case 'task.resumed':
    case 'task.setup.done':
    case 'task.retrying':
    case 'task.cancelling':
      return view?.kind === 'live' ? advance(view, event) : view;
    default:
      return view;
  }
}

/** The VM that the task has now, or null. */
export function vmOf({ phase }: LiveTask): NamedVm | null {
  return 'vm' in phase ? phase.vm : null;
}

function begin({ data, seq, time }: Stored<'task.created'>): LiveTask {
  const { pool, task, spec, stage } = data;
  const createdMs = time.getTime();
  const phase = { name: 'queue', sinceMs: createdMs } as const;
  const { timeouts, keep } = spec;
  const known = { pool, task, vms: [], partOf: stage?.pipeline ?? null };
  const more = { createdMs, keepsVm: keep !== undefined, timeouts, phase };
  return { kind: 'live', ...known, attempt: 1, headSeq: seq, ...more };
}

function advance(
  view: LiveTask,
  event: Stored<'vm.ready' | 'task.resumed' | 'task.setup.done' | 'task.retrying' | 'task.cancelling'>,
): LiveTask {
  const sinceMs = event.time.getTime();
  const headSeq = event.seq;
  switch (event.type) {
    case 'vm.ready': {
      const { attempt, vm: id, host } = event.data;
      return { ...withVm(view, id), attempt, headSeq, phase: { name: 'setup', sinceMs, vm: { id, host } } };
    }
    case 'task.resumed':
      return { ...view, headSeq };
    case 'task.setup.done':
      // Not of the spine: it moves the task on, and the spine's head stays.
      return view.phase.name === 'setup' ? { ...view, phase: { ...view.phase, name: 'run', sinceMs } } : view;
    case 'task.retrying': {
      const { next, notBefore } = event.data;
      return { ...view, attempt: next, headSeq, phase: { name: 'retry', sinceMs: Date.parse(notBefore) } };
    }
    case 'task.cancelling':
      return { ...view, headSeq, phase: { name: 'cancelling', sinceMs, vm: vmOf(view) } };
  }
}

function end(view: TaskView | null, { data, time }: Stored<'task.completed'>): EndedTask {
  const { pool, task, vm } = data;
  const known = { pool, task, vms: view?.vms ?? [], partOf: view?.partOf ?? null };
  const ended: EndedTask = { kind: 'ended', ...known, endedMs: time.getTime() };
  // Who had it last is said when it is gone.
  if (view?.kind === 'live' && view.keepsVm) return { ...ended, vms: ended.vms.filter((one) => one !== vm) };
  return vm === null ? ended : withVm(ended, vm);
}

function withVm<T extends TaskView>(view: T, vm: VmId): T {
  return view.vms.includes(vm) ? view : { ...view, vms: [...view.vms, vm] };
}
