/** `GET /v1/task`, `/v1/inputs`, `/v1/needs`: what the task is, and what it was given. */
import type { GuestApiDeps, GuestApiServer } from './deps.ts';

export function taskRoutes(app: GuestApiServer, { attempt, created, needs, deadline }: GuestApiDeps): void {
  const { task, pool, vm, image, attempt: number } = attempt.ready;
  const { spec, stage } = created.data;
  app.get('/v1/task', async () => ({
    id: task,
    pool,
    vm,
    image,
    attempt: number,
    labels: spec.labels,
    children: spec.children ?? 0,
    pipeline: stage?.pipeline ?? null,
    stage: stage?.stage ?? null,
    createdAt: created.time.toISOString(),
    deadline: deadline.toISOString(),
  }));
  app.get('/v1/inputs', async (_request, reply) => sendJson(reply, spec.inputs));
  app.get('/v1/needs', async (_request, reply) => sendJson(reply, needs ?? {}));
}

function sendJson(reply: { type: (type: string) => { send: (body: string) => unknown } }, value: unknown): unknown {
  return reply.type('application/json').send(JSON.stringify(value));
}
