/** What every user of the broker may do, asked with that user's own password. */
import { brokerUsers } from '@vm-task/bus/credentials';
import { NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass } from './check.ts';
import type { Context } from './context.ts';

export const permissions: Check = {
  name: 'permissions',
  limitMs: 30_000,
  async look(context) {
    const all = (await Promise.all(brokerUsers.map((user) => refusalsOf(context, user)))).flat();
    const areStreamsWhole = await context.altered().then(
      ({ size }) => size === 0,
      () => false,
    );
    // Where a stream is missing, nobody answers; that is told by `streams`.
    const told = all.filter(({ isSilence }) => areStreamsWhole || !isSilence).map(({ text }) => text);
    if (told.length === 0) return pass(`${brokerUsers.join(', ')} may do all that they have to`);
    return fail(told.join('; '), './vm-task down && ./vm-task up --detach writes users and their permissions anew');
  },
};

interface Refusal {
  readonly isSilence: boolean;
  readonly text: string;
}

async function refusalsOf({ lacking }: Context, user: (typeof brokerUsers)[number]): Promise<Refusal[]> {
  try {
    const all = await lacking(user);
    return all.map(({ what, subject }) => ({
      isSilence: what === 'gets no answer on',
      text: `${user} ${what} ${subject}`,
    }));
  } catch (error) {
    if (error instanceof NotCheckable) throw error;
    return [{ isSilence: false, text: `${user} is not taken in: ${errorInfo(error).message}` }];
  }
}
