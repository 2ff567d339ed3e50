/** `GET /v1/pools`: what is configured, and how many tasks of each status every pool has. */
import { poolRoutes } from '@vm-task/api/pools';
import { type TaskStatus, taskStatuses } from '@vm-task/api/tasks';
import { countTasks } from '../projection/task-counts.ts';
import { askerOf } from './guard.ts';
import { readProjection } from './read-projection.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function listPoolsRoute(app: App, { config, projection }: HttpDeps): void {
  serve(app, poolRoutes.list, async (request, reply) => {
    await readProjection(projection, reply);
    const counts = countTasks(projection.db, askerOf(request).team);
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
  });
}
