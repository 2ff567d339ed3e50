/**
 * `/v1/tasks`: tasks that the task submits, where its file says that it may (`children`). A child runs in the parent's
 * pool, and gets no network, no secret and no children that its parent does not have to give.
 */
import { createHash } from 'node:crypto';
import { findCreated } from '@vm-task/bus/find-task';
import { isChild, spawnTask } from '@vm-task/bus/spawn-task';
import { childRefused, planChild } from '@vm-task/pipelines/planning/plan-child';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseTaskId } from '@vm-task/shared/ids';
import { type Json, jsonProblem } from '@vm-task/shared/json';
import { parseYaml } from '@vm-task/shared/yaml-text';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { keyOf, textOf } from './request.ts';

/** Any task may ask for this again and again, in the event loop of all others. */
const yamlMaxChars = 64 * 1024;

export function childRoutes(app: GuestApiServer, deps: GuestApiDeps): void {
  const { attempt, bus, created, secrets } = deps;
  app.post('/v1/tasks', async ({ body, headers }, reply) => {
    const limit = created.data.spec.children ?? 0;
    if (limit === 0) throw childRefused('its task file does not say so: children: 4 would allow four of them');
    const text = textOf(body);
    const file = parseYaml(text, 'the body', 'invalid-task', { maxChars: yamlMaxChars });
    const problem = jsonProblem(file);
    if (problem !== null) throw new VmTaskError('invalid-task', `the task cannot be taken as JSON: ${problem}`);
    const inPool = withPool(secrets.maskJson(file as Json), attempt.ready.pool);
    // What is wrong is said to who asks, and not to a dead letter.
    planChild(inPool, created.data, deps.config);
    const key = keyOf(headers) ?? createHash('sha256').update(text).digest('hex');
    const { host } = attempt.ready;
    const id = await spawnTask(bus.connection, { parent: created, key, file: inPool, limit, host });
    return reply.code(202).send({ id });
  });
  app.get('/v1/tasks/:id', async ({ params }) => {
    const id = parseTaskId((params as { id: string }).id);
    if (!(await isChild(bus.connection, attempt.ready.task, id)))
      throw new VmTaskError('task-not-found', `this task has submitted no task ${id}`);
    return statusOf(deps, id);
  });
}

async function statusOf({ bus }: GuestApiDeps, id: ReturnType<typeof parseTaskId>) {
  const child = await findCreated(bus.connection, id);
  const head = child === null ? null : await bus.head({ task: id, pool: child.data.pool });
  if (head?.type !== 'task.completed')
    return {
      id,
      status: child === null ? 'submitted' : (head?.type ?? 'submitted'),
      outcome: null,
      exitCode: null,
      result: null,
      error: null,
    };
  const { outcome, exitCode, result, error } = head.data;
  return { id, status: 'completed', outcome, exitCode, result: result?.value ?? null, error };
}

/** The parent's pool, where the file names none. */
function withPool(file: Json, pool: string): Json {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return file;
  return 'pool' in file || 'vm' in file ? file : { ...file, pool };
}
