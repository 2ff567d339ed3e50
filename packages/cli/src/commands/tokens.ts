/** Commands about tokens of people and programs: create, list, revoke. */
import type { NewToken } from '@vm-task/client/views';
import { note, print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import type { Common } from './tasks.ts';

export type NewTokenOptions = Omit<NewToken, 'name'>;

/** Standard output has the token and nothing else, so that it can go into a file. */
export async function createToken({ system, json }: Common, name: string, options: NewTokenOptions): Promise<void> {
  const { role, team, expires } = options;
  const made = await system.client.tokens.create({ name, role, team, expires });
  if (json) return printJson(made);
  const until = made.expiresAt === null ? 'until it is revoked' : `until ${made.expiresAt}`;
  note(`the token "${made.name}" may do what a ${made.role} may, ${until}; it is not shown again`);
  print(made.token);
}

export async function listTokens({ system, json }: Common): Promise<void> {
  const list = await system.client.tokens.list();
  if (json) return printJson(list);
  const rows = list.tokens.map((one) => [
    one.name,
    one.status,
    one.role,
    one.team,
    one.createdBy,
    one.createdAt,
    one.expiresAt,
  ]);
  print(table(['name', 'status', 'role', 'team', 'made by', 'made', 'expires'], rows));
}

export async function revokeToken({ system, json }: Common, name: string): Promise<void> {
  const revoked = await system.client.tokens.revoke(name);
  if (json) printJson(revoked);
  else print(`the token "${revoked.name}" is revoked; its name stays taken`);
}
