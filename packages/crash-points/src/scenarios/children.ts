/** A task that asks for another one, and is cancelled: whoever makes the child may die, and so may whoever cancels it. */
import { childrenOf } from '@vm-task/bus/spawn-task';
import { eventually } from '@vm-task/testing/conditions';
import { makeJob } from './job.ts';
import type { Scenario } from './scenario.ts';

export const cancelledChildren: Scenario = {
  name: 'children',
  apart: /^intake bus\/(append|work):/,
  async run(user, mark) {
    const expected = { outcome: 'cancelled' } as const;
    const child = makeJob({ mark: `${mark}c`, endless: true, expected });
    const asks = ['vm-task submit > /dev/null', 'sleep 600'];
    const more = { children: 1, stdin: JSON.stringify(child.file) };
    const parent = await user.submit(makeJob({ mark, lines: 2, asks, more, expected }));
    const { connection } = user.system.bus;
    const asked = async () => (await childrenOf(connection, parent))[0];
    const task = await eventually(asked, { what: `task ${parent} asks for one`, limitMs: 180_000 });
    // It may not be made yet.
    user.accepted.push({ task, expected: child.expected });
    await user.ask(({ tasks }) => tasks.cancel(parent));
  },
};
