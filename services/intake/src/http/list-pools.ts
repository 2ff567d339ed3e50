/** `GET /v1/pools`: what is configured, and how many tasks of each status every pool has. */

import { sizeSchema } from '@vm-task/shared/sizes';
import { z } from 'zod';
import { countTasks } from '../projection/count-tasks.ts';
import { type TaskStatus, taskStatuses } from '../task-view.ts';
import type { App, HttpDeps } from './server.ts';

const poolSchema = z.object({
  name: z.string(),
  driver: z.string(),
  image: z.string(),
  sizes: z.array(sizeSchema),
  max: z.int(),
  warm: z.int(),
  tasks: z.record(z.enum(taskStatuses), z.int()),
});

export function listPoolsRoute(app: App, { config, projection }: HttpDeps): void {
  app.get(
    '/v1/pools',
    { schema: { summary: 'List pools', response: { 200: z.object({ pools: z.array(poolSchema) }) } } },
    async () => {
      await projection.upToDate();
      const counts = countTasks(projection.db);
      const tasksOf = (pool: string) => {
        const tasks = Object.fromEntries(taskStatuses.map((status) => [status, 0])) as Record<TaskStatus, number>;
        for (const count of counts) if (count.pool === pool) tasks[count.status] += count.tasks;
        return tasks;
      };
      const pools = Object.entries(config.pools).map(([name, pool]) => {
        const { image, sizes } = config.drivers.describe(name, pool);
        const { driver, max, warm } = pool;
        return { name, driver, image, sizes: [...sizes], max, warm, tasks: tasksOf(name) };
      });
      return { pools };
    },
  );
}
