/** Tasks and pipelines by name. A reference is a name, or name@version. */
import { routes } from '@vm-task/api/api';
import type { Json } from '@vm-task/shared/json';
import type { Http } from './http.ts';
import { keyed } from './keyed.ts';

const { templates } = routes;

export function templateMethods({ ask }: Http) {
  return {
    install: (file: unknown) => ask(templates.install, { body: file }),
    list: () => ask(templates.list),
    show: (name: string) => ask(templates.show, { params: { name } }),
    /** Returns the id of the task or pipeline that it is. */
    run: async (name: string, parameters: Readonly<Record<string, Json>>, key?: string) =>
      (await ask(templates.run, { params: { name }, body: { parameters }, ...keyed(key) })).id,
  };
}
