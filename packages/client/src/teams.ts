/** Teams, and what they use of their quotas. */
import { routes } from '@vm-task/api/api';
import type { Http } from './http.ts';

const { teams } = routes;

export function teamMethods({ ask }: Http) {
  return {
    list: () => ask(teams.list),
    show: (name: string) => ask(teams.show, { params: { name } }),
  };
}
