/** What every user of the broker may do, found out by doing it with that user's own password (`probe.ts`). */

import { tryPermissions } from '@vm-task/shared/bus/try-permissions';
import { brokerUsers } from '@vm-task/shared/credentials';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, NotCheckable, pass } from './check.ts';
import type { Context } from './context.ts';

export const permissions: Check = {
  name: 'permissions',
  limitMs: 30_000,
  async look(context) {
    const refused = (await Promise.all(brokerUsers.map((user) => refusedTo(context, user)))).flat();
    if (refused.length === 0) return pass(`${brokerUsers.join(', ')} may do all that they have to`);
    const fix = './vm-task down && ./vm-task up --detach writes users and their permissions anew';
    return fail(refused.join('; '), fix);
  },
};

async function refusedTo({ login }: Context, user: (typeof brokerUsers)[number]): Promise<string[]> {
  try {
    const refused = await tryPermissions(await login(user), user);
    return refused.map(({ what, subject }) => `${user} ${what} ${subject}`);
  } catch (error) {
    if (error instanceof NotCheckable) throw error;
    return [`${user} is not taken in: ${errorInfo(error).message}`];
  }
}
