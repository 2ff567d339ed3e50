/** Messages: sent, read live, marked. */
import { routes } from '@vm-task/api/api';
import type { Sending } from '@vm-task/shared/inbox';
import type { Http, QueryOf } from './http.ts';

const { inbox } = routes;

export function inboxMethods({ ask, follow }: Http) {
  return {
    send: (message: Omit<Sending, 'links'> & Partial<Pick<Sending, 'links'>>) => ask(inbox.send, { body: message }),
    list: (query: QueryOf<typeof inbox.list> = {}) => ask(inbox.list, { query }),
    show: (id: string) => ask(inbox.show, { params: { id } }),
    read: (id: string) => ask(inbox.read, { params: { id } }),
    archive: (id: string) => ask(inbox.archive, { params: { id } }),
    /** Every message there is, then each that comes or is marked. */
    async *follow(query: QueryOf<typeof inbox.list>, signal: AbortSignal) {
      for await (const { data } of follow(inbox.list, signal, { query })) yield data;
    },
  };
}
