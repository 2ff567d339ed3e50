/** `GET /v1/pools`: what is configured, and how many tasks of each status every pool has. */
import { poolRoutes } from '@vm-task/api/pools';
import { type TaskStatus, taskStatuses } from '@vm-task/api/tasks';
import type { PoolConfig } from '@vm-task/hypervisor/pool-config';
import { countTasks } from '../projection/count-tasks.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

/** A named VM has the system that it has, and one size: what a task may use of it. */
function viewOf(name: string, pool: PoolConfig) {
  const { driver, max, warm } = pool;
  const made = pool.driver === 'ssh' ? { image: name, sizes: [pool.size] } : { image: pool.image, sizes: pool.sizes };
  return { name, driver, ...made, max, warm };
}

export function listPoolsRoute(app: App, { config, projection }: HttpDeps): void {
  serve(app, poolRoutes.list, async () => {
    await projection.upToDate();
    const counts = countTasks(projection.db);
    const tasksOf = (pool: string) => {
      const tasks = Object.fromEntries(taskStatuses.map((status) => [status, 0])) as Record<TaskStatus, number>;
      for (const count of counts) if (count.pool === pool) tasks[count.status] += count.tasks;
      return tasks;
    };
    return {
      pools: Object.entries(config.pools).map(([name, pool]) => ({ ...viewOf(name, pool), tasks: tasksOf(name) })),
    };
  });
}
