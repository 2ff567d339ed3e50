/** Secrets: set, listed without their values, removed. */
import { routes } from '@vm-task/api/api';
import type { Http } from './http.ts';

const { secrets } = routes;

export function secretMethods({ ask }: Http) {
  return {
    set: (name: string, value: string) => ask(secrets.set, { body: { name, value } }),
    list: () => ask(secrets.list),
    remove: (name: string) => ask(secrets.remove, { params: { name } }),
  };
}
