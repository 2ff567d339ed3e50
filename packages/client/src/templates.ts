/** `/v1/templates` as the command line uses it. */
import type { Home } from '@vm-task/shared/home';
import type { Json } from '@vm-task/shared/json';
import type { Parameters } from '@vm-task/shared/pipelines/parameters';
import type { TemplateFile, TemplateKind } from '@vm-task/shared/templates/template-file';
import { createHttp } from './http.ts';

export interface TemplateSummary {
  readonly name: string;
  readonly version: number;
  readonly kind: TemplateKind;
  readonly description: string;
  readonly parameters: Parameters;
  readonly installedAt: string;
}

export interface TemplateView extends TemplateSummary {
  readonly file: TemplateFile;
}

export interface TemplateClient {
  install(file: unknown): Promise<TemplateSummary>;
  list(): Promise<{ templates: TemplateSummary[] }>;
  /** `ref`: a name, or name@version. */
  show(ref: string): Promise<TemplateView>;
  /** The id of the task or pipeline. */
  run(ref: string, parameters: Readonly<Record<string, Json>>, idempotencyKey?: string): Promise<string>;
}

export function createTemplateClient(home: Home): TemplateClient {
  const { json } = createHttp(home);
  const path = (ref: string) => `/v1/templates/${encodeURIComponent(ref)}`;
  const headers = { 'content-type': 'application/json' };
  return {
    install: (file) => json('POST', '/v1/templates', { body: file, headers }),
    list: () => json('GET', '/v1/templates'),
    show: (ref) => json('GET', path(ref)),
    async run(ref, parameters, idempotencyKey) {
      const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      const options = { body: { parameters }, headers: { ...headers, ...key } };
      return (await json<{ id: string }>('POST', `${path(ref)}/run`, options)).id;
    },
  };
}
