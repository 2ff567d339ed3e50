/** `POST /v1/alerts`: people are told, as by any alert. The same one, or the same key, is raised once. */
import { createHash } from 'node:crypto';
import { VmTaskError } from '@vm-task/shared/errors';
import { givenLinksSchema } from '@vm-task/shared/links';
import { alertSubjects } from '@vm-task/shared/subjects';
import { z } from 'zod';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { keyOf, parseBody } from './request.ts';

/** Of one task, all its attempts together: who needs more writes a log. */
const alertsMax = 16;
const kindPrefix = 'from-task-';

const alertSchema = z.strictObject({
  severity: z.enum(['info', 'warning', 'critical']).default('warning'),
  text: z.string().min(1).max(4_000),
  /** One less than an alert may have: where the task is goes with it. */
  links: givenLinksSchema.max(15).default([]),
});

export function alertRoute(app: GuestApiServer, deps: GuestApiDeps): void {
  const { attempt, bus, secrets } = deps;
  const { task } = attempt.ready;
  app.post('/v1/alerts', async ({ body, headers }, reply) => {
    const alert = parseBody(body, alertSchema);
    const told = createHash('sha256')
      .update(keyOf(headers) ?? JSON.stringify(alert))
      .digest('hex');
    const kind = `${kindPrefix}${told.slice(0, 16)}`;
    const raised = await kindsRaised(deps);
    if (!raised.includes(kind)) {
      if (raised.length >= alertsMax) throw tooMany();
      const text = secrets.maskText(alert.text);
      const links = alert.links.map((link) => ({
        title: secrets.maskText(link.title),
        href: secrets.maskText(link.href),
      }));
      const about = { title: 'task', href: `/v1/tasks/${task}` };
      const data = { v: 1 as const, severity: alert.severity, kind, id: task, text, links: [...links, about] };
      await bus.announce({ type: 'alert.raised', data, host: attempt.ready.host }, attempt.signal, { once: true });
    }
    return reply.code(201).send({ kind });
  });
}

/** Counted where they are stored, so that another runner counts on. */
async function kindsRaised({ attempt, bus }: GuestApiDeps): Promise<string[]> {
  const filter = { subjects_filter: alertSubjects(attempt.ready.task) };
  const { state } = await bus.connection.jsm.streams.info('EVENTS', filter);
  const kinds = Object.keys(state.subjects ?? {}).map((subject) => subject.split('.')[3] ?? '');
  return kinds.filter((kind) => kind.startsWith(kindPrefix));
}

function tooMany(): VmTaskError {
  return new VmTaskError('limit-reached', `the task has raised ${alertsMax} alerts and may raise no more`);
}
