/** What no handler could take, by its number in the list. */
import { routes } from '@vm-task/api/api';
import type { Http, QueryOf } from './http.ts';

const { deadLetters } = routes;

type Seq = number | string;

export function deadLetterMethods({ ask }: Http) {
  return {
    list: (query: QueryOf<typeof deadLetters.list> = {}) => ask(deadLetters.list, { query }),
    show: (seq: Seq) => ask(deadLetters.show, { params: { seq: `${seq}` } }),
    replay: (seq: Seq) => ask(deadLetters.replay, { params: { seq: `${seq}` } }),
    drop: (seq: Seq) => ask(deadLetters.drop, { params: { seq: `${seq}` } }),
  };
}
