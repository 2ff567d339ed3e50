/** Commands about teams: list, show. */
import type { TeamView } from '@vm-task/client/views';
import { quotaNames } from '@vm-task/shared/quotas';
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import type { Common } from './tasks.ts';

export async function listTeams({ system, json }: Common): Promise<void> {
  const list = await system.client.teams.list();
  if (json) return printJson(list);
  const rows = list.teams.map(({ name, quotas }) => [
    name,
    ...quotaNames.map((wanted) => useText(quotas.find(({ quota }) => quota === wanted))),
  ]);
  print(table(['team', ...quotaNames], rows));
}

export async function showTeam({ system, json }: Common, name: string): Promise<void> {
  const team = await system.client.teams.show(name);
  if (json) return printJson(team);
  const rows = team.quotas.map(({ quota, used, limit, freeAt }) => [quota, used, limit, freeAt]);
  print(table(['quota', 'used', 'allowed', 'room again'], rows));
}

function useText(use: TeamView['quotas'][number] | undefined): string | null {
  if (use === undefined) return null;
  return use.limit === null ? String(use.used) : `${use.used} of ${use.limit}`;
}
