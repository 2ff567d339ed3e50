/** `/v1/inbox`: messages to people, named VMs and roles; sent, read live, marked. They go by themselves. */
import { type MessageView, inboxRoutes as routes } from '@vm-task/api/inbox';
import type { Sent } from '@vm-task/api/live';
import { followMessages, type Kept, listMessages, markMessage, readMessage, sendMessage } from '@vm-task/bus/inbox';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseMessageId } from '@vm-task/shared/ids';
import { groupOf, type Message, parseSending } from '@vm-task/shared/inbox';
import { newMessageId } from '@vm-task/shared/new-ids';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { sendMessages, wantsEventStream } from './sse.ts';

export function inboxRoutes(app: App, deps: HttpDeps): void {
  sendRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  markRoutes(app, deps);
}

function sendRoute(app: App, { bus, config, now, log }: HttpDeps): void {
  serve(app, routes.send, async (request, reply) => {
    const sending = parseSending(request.body);
    const options = { id: newMessageId(now()), keepMs: config.inbox.keep[sending.priority] };
    const message = await sendMessage(bus.connection, sending, options);
    log.info({ message: message.id, to: message.to, priority: message.priority }, 'message sent');
    reply.header('location', `/v1/inbox/${message.id}`);
    return viewOf(message);
  });
}

function listRoute(app: App, { bus, stop }: HttpDeps): void {
  serve(app, routes.list, async (request, reply) => {
    const { to = '*', archived, after, limit } = request.query;
    if (wantsEventStream(request.raw)) {
      const from = Math.max(after, request.headers['last-event-id']);
      return sendMessages(reply, stop, (signal) => asEvents(followMessages(bus.connection, to, from, signal)));
    }
    // One more than wanted tells whether there is a next page.
    const found = await listMessages(bus.connection, to, { after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const messages = page.map(({ message }) => message).filter((one) => archived || one.archivedAt === null);
    return { messages: messages.map(viewOf), next: found.length > limit ? (page.at(-1)?.seq ?? null) : null };
  });
}

async function* asEvents(kept: AsyncIterable<Kept>): AsyncGenerator<Sent<typeof routes.list>, void, void> {
  for await (const { seq, message } of kept) yield { id: seq, event: 'message', data: viewOf(message) };
}

function showRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.show, async ({ params }) => {
    const id = parseMessageId(params.id);
    const kept = await readMessage(bus.connection, id);
    if (kept === null) throw new VmTaskError('message-not-found', `there is no message ${id}, or it has gone`);
    return viewOf(kept.message);
  });
}

function markRoutes(app: App, { bus }: HttpDeps): void {
  const mark = async (id: string, as: 'read' | 'archived') =>
    viewOf(await markMessage(bus.connection, parseMessageId(id), as));
  serve(app, routes.read, ({ params }) => mark(params.id, 'read'));
  serve(app, routes.archive, ({ params }) => mark(params.id, 'archived'));
}

function viewOf({ v: _, ...message }: Message): MessageView {
  return { ...message, group: groupOf(message) };
}
