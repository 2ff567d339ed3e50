/** `GET /v1/tasks/:id/artifacts/<path>`: one file that the task left behind, as its bytes. */
import { taskOutputRoutes } from '@vm-task/api/task-output';
import { openArtifact } from '@vm-task/bus/artifacts';
import { VmTaskError } from '@vm-task/shared/errors';
import { readArtifacts } from '../projection/read-artifacts.ts';
import { findTask } from './find-task.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function taskArtifactsRoute(app: App, { bus, projection }: HttpDeps): void {
  serve(app, taskOutputRoutes.artifact, async (request, reply) => {
    const { id } = await findTask(projection, request.params.id, reply);
    const path = request.params['*'];
    const { artifacts, host } = readArtifacts(projection.db, id);
    const artifact = artifacts.find((known) => known.path === path);
    if (artifact === undefined) {
      const known = artifacts.map((one) => JSON.stringify(one.path)).join(', ') || 'none';
      throw new VmTaskError('artifact-not-found', `task ${id} has no ${JSON.stringify(path)}; it has: ${known}`);
    }
    const content = host === null ? null : await openArtifact(bus.connection, host, artifact.object);
    if (content === null) throw new VmTaskError('artifact-not-found', `${artifact.object} is no longer kept`);
    // What a guest wrote is never shown as a page of this address.
    return reply
      .type(taskOutputRoutes.artifact.media)
      .header('content-disposition', 'attachment')
      .header('x-content-type-options', 'nosniff')
      .header('content-length', artifact.bytes)
      .header('etag', `"${artifact.sha256}"`)
      .send(content);
  });
}
