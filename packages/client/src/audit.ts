/** The audit log: read in pages, and live. */
import { routes } from '@vm-task/api/api';
import type { Http, QueryOf } from './http.ts';

const { audit } = routes;

export function auditMethods({ ask, follow }: Http) {
  return {
    /** A page may be short, or empty, and have a `next`: records are looked through in bounded steps. */
    list: (query: QueryOf<typeof audit.list> = {}) => ask(audit.list, { query }),
    /** Every such record there is, then each that comes. */
    async *follow(query: QueryOf<typeof audit.list>, signal: AbortSignal) {
      for await (const { data } of follow(audit.list, signal, { query })) yield data;
    },
  };
}
