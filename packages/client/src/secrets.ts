/** Secrets: set, listed without their values, removed. */
import { routes } from '@vm-task/api/api';
import type { Http } from './http.ts';

const { secrets } = routes;

interface Owner {
  readonly team?: string | undefined;
}

export interface SecretOptions extends Owner {
  readonly shared?: boolean | undefined;
}

export function secretMethods({ ask }: Http) {
  return {
    set: (name: string, value: string, more: SecretOptions = {}) =>
      ask(secrets.set, { body: { name, value, ...more } }),
    /** Without a team, all that the token may list. */
    list: (of: Owner = {}) => ask(secrets.list, { query: { ...of } }),
    remove: (name: string, of: Owner = {}) => ask(secrets.remove, { params: { name }, query: { ...of } }),
  };
}
