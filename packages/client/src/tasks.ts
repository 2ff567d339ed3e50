/** Tasks: submitted, looked at, followed, stopped, answered. An id may be any unambiguous beginning of 8 characters. */
import { routes } from '@vm-task/api/api';
import type { Http, QueryOf } from './http.ts';
import { keyed } from './keyed.ts';

const { tasks } = routes;

export function taskMethods({ ask, fetch, follow }: Http) {
  return {
    /** `task` is a task file's content. The same key within a day is the same task. Returns its id. */
    submit: async (task: unknown, key?: string) => (await ask(tasks.submit, { body: task, ...keyed(key) })).id,
    show: (id: string) => ask(tasks.show, { params: { id } }),
    list: (query: QueryOf<typeof tasks.list> = {}) => ask(tasks.list, { query }),
    cancel: (id: string) => ask(tasks.cancel, { params: { id } }),
    /** Returns the id of the new task. */
    retry: async (id: string, key?: string) => (await ask(tasks.retry, { params: { id }, ...keyed(key) })).id,
    complete: (id: string, result: unknown) => ask(tasks.complete, { params: { id }, body: { result } }),
    approve: (id: string, decision: Decision) => ask(tasks.approve, { params: { id }, body: decision }),
    reject: (id: string, decision: Decision) => ask(tasks.reject, { params: { id }, body: decision }),
    events: (id: string) => ask(tasks.events, { params: { id } }),
    /** The task's events as they come; ends with the terminal one. */
    async *followEvents(id: string, signal: AbortSignal) {
      for await (const { data } of follow(tasks.events, signal, { params: { id } })) yield data;
    },
    /**
     * The task's output, byte for byte and in order, from the first byte, and between it what its process says of its
     * progress. Ends when the task is over and all was given; without `follow` with what is stored now.
     */
    output: (id: string, options: { readonly follow: boolean; readonly signal: AbortSignal }) =>
      follow(tasks.logs, options.signal, { params: { id }, query: { follow: options.follow } }),
    /** `path` is the one that the task wrote. The body is the file, byte for byte. */
    artifact: (id: string, path: string, signal?: AbortSignal) =>
      fetch(tasks.artifact, { params: { id, '*': path }, signal }),
  };
}

export interface Decision {
  readonly by: string;
  readonly comment?: string;
}
