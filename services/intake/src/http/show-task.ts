/** `GET /v1/tasks/:id`: one task with its attempts and timings. */
import { VmTaskError } from '@vm-task/shared/errors';
import { progressOf } from '../progress-of.ts';
import { readTask } from '../projection/read-task.ts';
import { shownTaskSchema } from '../task-view.ts';
import { findTask, taskParamsSchema } from './find-task.ts';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

export function showTaskRoute(app: App, { bus, projection }: HttpDeps): void {
  app.get(
    '/v1/tasks/:id',
    {
      schema: {
        summary: 'Show a task',
        params: taskParamsSchema,
        response: { 200: shownTaskSchema, 404: problemSchema, 409: problemSchema },
      },
    },
    async (request) => {
      const { id } = await findTask(projection, request.params.id);
      const task = readTask(projection.db, id);
      if (task === null) throw new VmTaskError('task-not-found', `task ${id} is no longer kept`);
      return { ...task, progress: await progressOf(bus.connection, task) };
    },
  );
}
