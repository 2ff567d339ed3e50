/** `/v1/deadletters`: what no handler could take; to be looked at, handled again, or thrown away. */
import { type DeadLetter, dropLetter, listLetters, readLetter } from '@vm-task/bus/dead-letters';
import { VmTaskError } from '@vm-task/shared/errors';
import { commandSubjects } from '@vm-task/shared/subjects';
import { z } from 'zod';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';

const paramsSchema = z.object({ seq: z.coerce.number().int().min(1).describe('the number in the list') });
const querySchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('the "next" of the page before'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

const summarySchema = z.object({
  seq: z.int(),
  buriedAt: z.iso.datetime(),
  /** The durable whose handler could not take the message. */
  consumer: z.string(),
  reason: z.string(),
  /** Of the message: where it was published, and what it is in its stream. */
  subject: z.string(),
  stream: z.string(),
  originalSeq: z.int(),
  publishedAt: z.iso.datetime(),
  traceparent: z.string().nullable(),
});
const letterViewSchema = summarySchema.extend({
  headers: z.record(z.string(), z.string()),
  data: z.string().nullable().describe('base64; null for a message too large to be copied'),
});
const pageSchema = z.object({ letters: z.array(summarySchema), next: z.int().nullable() });

export function deadLetterRoutes(app: App, deps: HttpDeps): void {
  listRoute(app, deps);
  showRoute(app, deps);
  replayRoute(app, deps);
  dropRoute(app, deps);
}

function listRoute(app: App, { bus }: HttpDeps): void {
  app.get(
    '/v1/deadletters',
    { schema: { summary: 'List dead letters', querystring: querySchema, response: { 200: pageSchema } } },
    async ({ query: { after, limit } }) => {
      // One more than wanted tells whether there is a next page.
      const found = await listLetters(bus.connection, after, limit + 1);
      const page = found.slice(0, limit);
      return { letters: page.map(summaryOf), next: found.length > limit ? (page.at(-1)?.seq ?? null) : null };
    },
  );
}

function showRoute(app: App, { bus }: HttpDeps): void {
  const response = { 200: letterViewSchema, 404: problemSchema };
  app.get(
    '/v1/deadletters/:seq',
    { schema: { summary: 'Show a dead letter with its message', params: paramsSchema, response } },
    async ({ params: { seq } }) => {
      const found = await readLetter(bus.connection, seq);
      if (found === null) throw unknown(seq);
      const { headers, data } = found.letter;
      return { ...summaryOf(found), headers, data };
    },
  );
}

function replayRoute(app: App, { bus, log }: HttpDeps): void {
  const summary = 'Have the message handled again by the worker that could not; the letter goes when that succeeds';
  const response = { 202: z.object({ seq: z.int() }), 404: problemSchema };
  app.post(
    '/v1/deadletters/:seq/replay',
    { schema: { summary, params: paramsSchema, response } },
    async ({ params: { seq } }, reply) => {
      if ((await readLetter(bus.connection, seq)) === null) throw unknown(seq);
      await bus.connection.js.publish(commandSubjects.replay, JSON.stringify({ seq }));
      log.info({ letter: seq }, 'asked to replay a dead letter');
      return reply.code(202).send({ seq });
    },
  );
}

function dropRoute(app: App, { bus, log }: HttpDeps): void {
  const response = { 200: z.object({ seq: z.int() }), 404: problemSchema };
  app.delete(
    '/v1/deadletters/:seq',
    { schema: { summary: 'Throw a dead letter away', params: paramsSchema, response } },
    async ({ params: { seq } }) => {
      if (!(await dropLetter(bus.connection, seq))) throw unknown(seq);
      log.info({ letter: seq }, 'dropped a dead letter');
      return { seq };
    },
  );
}

function summaryOf({ seq, buriedAt, letter }: DeadLetter): z.infer<typeof summarySchema> {
  const { consumer, reason, subject, stream, traceparent } = letter;
  return {
    seq,
    buriedAt: buriedAt.toISOString(),
    consumer,
    reason,
    subject,
    stream,
    originalSeq: letter.seq,
    publishedAt: letter.time,
    traceparent,
  };
}

function unknown(seq: number): VmTaskError {
  const message = `there is no dead letter ${seq}; ./vm-task deadletter list shows those that are kept`;
  return new VmTaskError('deadletter-not-found', message);
}
