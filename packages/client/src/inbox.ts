/** `/v1/inbox` as the command line uses it. */
import type { Home } from '@vm-task/shared/home';
import type { Group, Message, Sending } from '@vm-task/shared/inbox';
import { createHttp } from './http.ts';

export type MessageView = Omit<Message, 'v'> & { readonly group: Group };

export interface InboxPage {
  readonly messages: readonly MessageView[];
  readonly next: number | null;
}

export interface InboxClient {
  send(sending: Omit<Sending, 'links'>): Promise<MessageView>;
  list(query: Readonly<Record<string, string>>): Promise<InboxPage>;
  mark(id: string, mark: 'read' | 'archived'): Promise<MessageView>;
  /** Every message there is, then each that comes or is marked. */
  follow(query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<MessageView>;
}

export function createInboxClient(home: Home): InboxClient {
  const { json, stream } = createHttp(home);
  const headers = { 'content-type': 'application/json' };
  return {
    send: (sending) => json('POST', '/v1/inbox', { body: sending, headers }),
    list: (query) => json('GET', `/v1/inbox?${new URLSearchParams(query)}`),
    mark: (id, mark) => json('POST', `/v1/inbox/${encodeURIComponent(id)}/${mark}`),
    async *follow(query, signal) {
      for await (const { event, data } of stream(`/v1/inbox?${new URLSearchParams(query)}`, signal)) {
        if (event === 'message') yield JSON.parse(data) as MessageView;
      }
    },
  };
}
