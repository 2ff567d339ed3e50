/** Teams, and what they use. */
import { type Define, systemOf } from './define.ts';

const teams = () => import('../commands/teams.ts');

export function teamCommands(define: Define): void {
  define('list', 'teams, and what they use of their quotas', async (context) =>
    (await teams()).listTeams(await systemOf(context)),
  );
  define('show <name>', 'what a team uses of its quotas, and when there is room again', async (context, [name = '']) =>
    (await teams()).showTeam(await systemOf(context), name),
  );
}
