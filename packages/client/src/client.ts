/** The HTTP API as the command line uses it: one function per question, live output as iterators. */
import type { Home } from '@vm-task/shared/home';
import type { ProgressView } from '@vm-task/shared/progress';
import { createHttp } from './http.ts';
import type {
  DeadLetterPage,
  DeadLetterView,
  EventLine,
  LogLine,
  Page,
  PipelinePage,
  PipelineView,
  PoolView,
  TaskView,
} from './views.ts';

export interface Client {
  submit(task: unknown, idempotencyKey?: string): Promise<string>;
  show(id: string): Promise<TaskView>;
  list(query: Readonly<Record<string, string>>): Promise<Page>;
  events(id: string): Promise<{ events: EventLine[] }>;
  cancel(id: string): Promise<void>;
  /** The id of the new task. */
  retry(id: string): Promise<string>;
  deadLetters(query: Readonly<Record<string, string>>): Promise<DeadLetterPage>;
  deadLetter(seq: string): Promise<DeadLetterView>;
  replayDeadLetter(seq: string): Promise<void>;
  dropDeadLetter(seq: string): Promise<void>;
  /** The id of the new pipeline. */
  submitPipeline(submission: unknown, idempotencyKey?: string): Promise<string>;
  resumePipeline(id: string): Promise<string>;
  showPipeline(id: string): Promise<PipelineView>;
  listPipelines(query: Readonly<Record<string, string>>): Promise<PipelinePage>;
  cancelPipeline(id: string): Promise<{ id: string }>;
  /** The pipeline as it is, and again after each change; ends with its end. */
  followPipeline(id: string, signal: AbortSignal): AsyncGenerator<PipelineView>;
  /** Answers a task that waits for it; gives its whole id. */
  answer(id: string, verb: string, body: object): Promise<{ id: string }>;
  pools(): Promise<{ pools: PoolView[] }>;
  /** The task's output, byte for byte and in order, from the first byte; ends when the task is over and all was given. */
  followLogs(id: string, options: FollowLogsOptions): AsyncGenerator<LogLine>;
  /** The task's events as they come; ends with the terminal one. */
  followEvents(id: string, signal: AbortSignal): AsyncGenerator<EventLine>;
}

export interface FollowLogsOptions {
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Told what the process says of how far it is, between its output. */
  readonly onProgress?: (progress: ProgressView) => void;
}

export function createClient(home: Home): Client {
  const { request, json, stream } = createHttp(home);
  const post = async (path: string, body: unknown, idempotencyKey: string | undefined): Promise<string> => {
    const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    const headers = { 'content-type': 'application/json', ...key };
    return (await json<{ id: string }>('POST', path, { body, headers })).id;
  };
  return {
    submit: (task, key) => post('/v1/tasks', task, key),
    submitPipeline: (submission, key) => post('/v1/pipelines', submission, key),
    resumePipeline: async (id) => (await json<{ id: string }>('POST', `${pipelinePath(id)}/resume`)).id,
    showPipeline: (id) => json('GET', pipelinePath(id)),
    listPipelines: (query) => json('GET', `/v1/pipelines?${new URLSearchParams(query)}`),
    cancelPipeline: (id) => json('DELETE', pipelinePath(id)),
    async *followPipeline(id, signal) {
      for await (const message of stream(pipelinePath(id), signal)) {
        if (message.event === 'pipeline') yield JSON.parse(message.data) as PipelineView;
      }
    },
    show: (id) => json('GET', `/v1/tasks/${encodeURIComponent(id)}`),
    list: (query) => json('GET', `/v1/tasks?${new URLSearchParams(query)}`),
    events: (id) => json('GET', `/v1/tasks/${encodeURIComponent(id)}/events`),
    async cancel(id) {
      await request('DELETE', `/v1/tasks/${encodeURIComponent(id)}`);
    },
    retry: async (id) => (await json<{ id: string }>('POST', `/v1/tasks/${encodeURIComponent(id)}/retry`)).id,
    answer: (id, verb, body) =>
      json('POST', `/v1/tasks/${encodeURIComponent(id)}/${verb}`, {
        body,
        headers: { 'content-type': 'application/json' },
      }),
    deadLetters: (query) => json('GET', `/v1/deadletters?${new URLSearchParams(query)}`),
    deadLetter: (seq) => json('GET', letterPath(seq)),
    replayDeadLetter: async (seq) => void (await request('POST', `${letterPath(seq)}/replay`)),
    dropDeadLetter: async (seq) => void (await request('DELETE', letterPath(seq))),
    pools: () => json('GET', '/v1/pools'),
    async *followLogs(id, { follow, signal, onProgress }) {
      const path = `/v1/tasks/${encodeURIComponent(id)}/logs?follow=${follow}`;
      for await (const message of stream(path, signal)) {
        if (message.event === 'output') yield JSON.parse(message.data) as LogLine;
        if (message.event === 'progress') onProgress?.(JSON.parse(message.data) as ProgressView);
      }
    },
    async *followEvents(id, signal) {
      for await (const message of stream(`/v1/tasks/${encodeURIComponent(id)}/events`, signal)) {
        if (message.event !== 'end') yield JSON.parse(message.data) as EventLine;
      }
    },
  };
}

const pipelinePath = (id: string): string => `/v1/pipelines/${encodeURIComponent(id)}`;
const letterPath = (seq: string): string => `/v1/deadletters/${encodeURIComponent(seq)}`;
