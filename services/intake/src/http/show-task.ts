/** `GET /v1/tasks/:id`: one task with its attempts and timings. */
import { taskRoutes } from '@vm-task/api/tasks';
import { VmTaskError } from '@vm-task/shared/errors';
import { progressOf } from '../progress-of.ts';
import { hostOfTask } from '../projection/host-of-task.ts';
import { readTask } from '../projection/read-task.ts';
import { findTask } from './find-task.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function showTaskRoute(app: App, { bus, projection }: HttpDeps): void {
  serve(app, taskRoutes.show, async (request, reply) => {
    const { id } = await findTask(projection, request.params.id, reply);
    const task = readTask(projection.db, id);
    if (task === null) throw new VmTaskError('task-not-found', `task ${id} is no longer kept`);
    const hostOf = (one: string) => hostOfTask(projection.db, one);
    return { ...task, progress: await progressOf(bus.connection, hostOf, task) };
  });
}
