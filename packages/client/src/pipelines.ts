/** Pipelines: submitted, looked at, followed, stopped, resumed. */
import { routes } from '@vm-task/api/api';
import type { Http, QueryOf } from './http.ts';
import { keyed } from './keyed.ts';

const { pipelines } = routes;

export function pipelineMethods({ ask, follow }: Http) {
  return {
    /** `submission` is a pipeline file's content with parameters. Returns the pipeline's id. */
    submit: async (submission: unknown, key?: string) =>
      (await ask(pipelines.submit, { body: submission, ...keyed(key) })).id,
    show: (id: string) => ask(pipelines.show, { params: { id } }),
    list: (query: QueryOf<typeof pipelines.list> = {}) => ask(pipelines.list, { query }),
    cancel: (id: string) => ask(pipelines.cancel, { params: { id } }),
    /** Returns the id of the new pipeline. */
    resume: async (id: string, key?: string) => (await ask(pipelines.resume, { params: { id }, ...keyed(key) })).id,
    /** The pipeline as it is, and again after each change; ends with its end. */
    async *follow(id: string, signal: AbortSignal) {
      for await (const { data } of follow(pipelines.show, signal, { params: { id } })) yield data;
    },
  };
}
