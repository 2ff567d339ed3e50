/** `GET /v1/tasks`: the newest first, filtered, in pages. */
import { taskRoutes } from '@vm-task/api/tasks';
import { listTasks } from '../projection/list-tasks.ts';
import { askerOf } from './guard.ts';
import { readProjection } from './read-projection.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function listTasksRoute(app: App, { projection }: HttpDeps): void {
  serve(app, taskRoutes.list, async (request, reply) => {
    const { status, pool, label, limit, after } = request.query;
    await readProjection(projection, reply);
    const filter = { status, pool, team: askerOf(request).team, labels: Object.fromEntries(label ?? []) };
    const { tasks, next } = listTasks(projection.db, filter, limit, after === undefined ? null : Number(after));
    return { tasks, next: next === null ? null : String(next) };
  });
}
