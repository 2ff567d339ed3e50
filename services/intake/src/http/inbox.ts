/** `/v1/inbox`: messages to people, named VMs and roles; sent, read live, marked. They go by themselves. */
import { followMessages, type Kept, listMessages, markMessage, readMessage, sendMessage } from '@vm-task/bus/inbox';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseMessageId } from '@vm-task/shared/ids';
import {
  groupOf,
  groups,
  type Message,
  messageSchema,
  parseSending,
  recipientSchema,
  sendSchema,
} from '@vm-task/shared/inbox';
import { newMessageId } from '@vm-task/shared/new-ids';
import { z } from 'zod';
import { problemSchema } from './problem.ts';
import type { App, HttpDeps } from './server.ts';
import { lastEventIdSchema, type SseMessage, sendMessages } from './sse.ts';

const messageViewSchema = messageSchema.omit({ v: true }).extend({ group: z.enum(groups) });
type MessageView = z.infer<typeof messageViewSchema>;
const pageSchema = z.object({ messages: z.array(messageViewSchema), next: z.int().nullable() });

const querySchema = z.strictObject({
  to: recipientSchema.optional().describe('only messages to this recipient'),
  archived: z.stringbool().default(false).describe('those, too, that were put away'),
  after: z.coerce.number().int().min(0).default(0).describe('the "next" of the page before'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});
const paramsSchema = z.object({ id: z.string() });

export function inboxRoutes(app: App, deps: HttpDeps): void {
  sendRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  markRoute(app, deps, 'read', 'Mark a message as read');
  markRoute(app, deps, 'archived', 'Put a message away');
}

function sendRoute(app: App, { bus, config, now, log }: HttpDeps): void {
  const response = { 201: messageViewSchema, 400: problemSchema, 413: problemSchema, 503: problemSchema };
  app.post(
    '/v1/inbox',
    { schema: { summary: 'Send a message', body: sendSchema, response } },
    async (request, reply) => {
      const sending = parseSending(request.body);
      const options = { id: newMessageId(now()), keepMs: config.inbox.keep[sending.priority] };
      const message = await sendMessage(bus.connection, sending, options);
      log.info({ message: message.id, to: message.to, priority: message.priority }, 'message sent');
      return reply.code(201).header('location', `/v1/inbox/${message.id}`).send(viewOf(message));
    },
  );
}

function listRoute(app: App, { bus, stop }: HttpDeps): void {
  const summary = 'List messages; with Accept: text/event-stream live, as `message` events, marks included';
  app.get(
    '/v1/inbox',
    { schema: { summary, querystring: querySchema, headers: lastEventIdSchema, response: { 200: pageSchema } } },
    async (request, reply) => {
      const { to = '*', archived, after, limit } = request.query;
      if ((request.raw.headers.accept ?? '').includes('text/event-stream')) {
        const from = Math.max(after, request.headers['last-event-id']);
        return sendMessages(reply, stop, (signal) => asEvents(followMessages(bus.connection, to, from, signal)));
      }
      // One more than wanted tells whether there is a next page.
      const found = await listMessages(bus.connection, to, { after, most: limit + 1 });
      const page = found.slice(0, limit);
      const messages = page.map(({ message }) => message).filter((one) => archived || one.archivedAt === null);
      return { messages: messages.map(viewOf), next: found.length > limit ? (page.at(-1)?.seq ?? null) : null };
    },
  );
}

async function* asEvents(kept: AsyncIterable<Kept>): AsyncGenerator<SseMessage, void, void> {
  for await (const { seq, message } of kept) yield { id: seq, event: 'message', data: viewOf(message) };
}

function showRoute(app: App, { bus }: HttpDeps): void {
  const response = { 200: messageViewSchema, 404: problemSchema };
  app.get(
    '/v1/inbox/:id',
    { schema: { summary: 'Show a message', params: paramsSchema, response } },
    async ({ params }) => {
      const id = parseMessageId(params.id);
      const kept = await readMessage(bus.connection, id);
      if (kept === null) throw new VmTaskError('message-not-found', `there is no message ${id}, or it has gone`);
      return viewOf(kept.message);
    },
  );
}

function markRoute(app: App, { bus }: HttpDeps, mark: 'read' | 'archived', summary: string): void {
  const response = { 200: messageViewSchema, 404: problemSchema };
  app.post(`/v1/inbox/:id/${mark}`, { schema: { summary, params: paramsSchema, response } }, async ({ params }) =>
    viewOf(await markMessage(bus.connection, parseMessageId(params.id), mark)),
  );
}

function viewOf({ v: _, ...message }: Message): MessageView {
  return { ...message, group: groupOf(message) };
}
