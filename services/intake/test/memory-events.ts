/** `EVENTS` in memory, with the broker's one rule: an event is stored when its task is where its writer thought. */
import type { Appended } from '@vm-task/bus/append';
import type { Bus } from '@vm-task/bus/bus';
import { eventId } from '@vm-task/bus/envelope';
import type { Draft, EventData, EventType, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { eventSubject, eventsOf, subjectMatches, type TaskKey } from '@vm-task/shared/subjects';

export interface MemoryEvents extends Pick<Bus, 'append' | 'head'> {
  readonly stored: Stored[];
  findCreated(task: TaskId): Promise<Stored<'task.created'> | null>;
  /** Stores without an expectation, a second after the one before. */
  put<T extends EventType>(draft: Draft<T>): Stored<T>;
}

const start = Date.UTC(2026, 0, 1);

export function memoryEvents(): MemoryEvents {
  const stored: Stored[] = [];
  const lastOn = (pattern: string) => stored.findLast(({ subject }) => subjectMatches(pattern, subject)) ?? null;
  const add = (draft: Draft, expectedSeq: number): Stored => {
    const seq = stored.length + 1;
    const time = new Date(start + seq * 1_000);
    const event = {
      ...draft,
      id: eventId(draft, expectedSeq),
      seq,
      time,
      subject: eventSubject(draft),
      traceparent: null,
    };
    stored.push(event as Stored);
    return event as Stored;
  };
  return {
    stored,
    async append(draft, expectedSeq): Promise<Appended> {
      const own = lastOn(eventSubject(draft));
      if (own?.id === eventId(draft, expectedSeq)) return { kind: 'stored', event: own };
      const { pool, task } = draft.data as EventData<'task.created'>;
      const head = lastOn(eventsOf({ pool, task }));
      if ((head?.seq ?? 0) !== expectedSeq) return { kind: 'conflict', head };
      return { kind: 'stored', event: add(draft, expectedSeq) };
    },
    head: async (key: TaskKey) => lastOn(eventsOf(key)),
    findCreated: async (task) => lastOn(`task.created.*.${task}.*`) as Stored<'task.created'> | null,
    put: (draft) => add(draft as Draft, stored.length) as never,
  };
}
