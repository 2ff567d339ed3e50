/** What no handler could take, by its number in the list. */
import { routes } from '@vm-task/api/api';
import type { Http, QueryOf } from './http.ts';

const { deadLetters } = routes;

export function deadLetterMethods({ ask }: Http) {
  return {
    list: (query: QueryOf<typeof deadLetters.list> = {}) => ask(deadLetters.list, { query }),
    show: (seq: string) => ask(deadLetters.show, { params: { seq } }),
    replay: (seq: string) => ask(deadLetters.replay, { params: { seq } }),
    drop: (seq: string) => ask(deadLetters.drop, { params: { seq } }),
  };
}
