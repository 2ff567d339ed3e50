/** What every user of the broker may do, found out by doing it with that user's own password. */

import { tryPermissions } from '@vm-task/shared/bus/try-permissions';
import { brokerUsers } from '@vm-task/shared/credentials';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, NotCheckable, pass } from './check.ts';
import type { Context } from './context.ts';

export const permissions: Check = {
  name: 'permissions',
  limitMs: 30_000,
  async look(context) {
    const areStreamsWhole = await context.altered().then(
      (altered) => altered.size === 0,
      () => false,
    );
    const all = (await Promise.all(brokerUsers.map((user) => refusedTo(context, user)))).flat();
    // Where a stream is missing, nobody answers; that is told by `streams`.
    const refused = all.filter(({ isSilence }) => areStreamsWhole || !isSilence).map(({ text }) => text);
    if (refused.length === 0) return pass(`${brokerUsers.join(', ')} may do all that they have to`);
    const fix = './vm-task down && ./vm-task up --detach writes users and their permissions anew';
    return fail(refused.join('; '), fix);
  },
};

interface Refusal {
  readonly isSilence: boolean;
  readonly text: string;
}

async function refusedTo({ login }: Context, user: (typeof brokerUsers)[number]): Promise<Refusal[]> {
  try {
    const refused = await tryPermissions(await login(user), user);
    return refused.map(({ what, subject }) => ({
      isSilence: what === 'gets no answer on',
      text: `${user} ${what} ${subject}`,
    }));
  } catch (error) {
    if (error instanceof NotCheckable) throw error;
    return [{ isSilence: false, text: `${user} is not taken in: ${errorInfo(error).message}` }];
  }
}
