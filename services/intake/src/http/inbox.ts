/** `/v1/inbox`: messages to people, named VMs and roles; sent, read live, marked. They go by themselves. */
import { type MessageView, inboxRoutes as routes } from '@vm-task/api/inbox';
import type { Sent } from '@vm-task/api/live';
import { followMessages, type Kept, listMessages, markMessage, readMessage, sendMessage } from '@vm-task/bus/inbox';
import { VmTaskError } from '@vm-task/shared/errors';
import { isTaskId, parseMessageId } from '@vm-task/shared/ids';
import { groupOf, type Message, parseSending } from '@vm-task/shared/inbox';
import { newMessageId } from '@vm-task/shared/new-ids';
import type { FastifyRequest } from 'fastify';
import { type Asker, ownershipBy, sees } from '../people/asker.ts';
import { askerOf } from './guard.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { sendMessages, wantsEventStream } from './sse.ts';

export function inboxRoutes(app: App, deps: HttpDeps): void {
  sendRoute(app, deps);
  listRoute(app, deps);
  showRoute(app, deps);
  markRoutes(app, deps);
}

function sendRoute(app: App, deps: HttpDeps): void {
  const { bus, config, quotas, now, log } = deps;
  serve(app, routes.send, async (request, reply) => {
    const asker = askerOf(request);
    const sending = parseSending(request.body);
    await requireOwnTask(deps, sending.to, asker);
    const keepMs = config.inbox.keep[sending.priority];
    const options = { id: newMessageId(now()), keepMs, ownership: ownershipBy(asker) };
    using place = quotas.take(options.ownership.team, { what: 'message', keepsFiles: false });
    const message = await sendMessage(bus.connection, sending, options);
    place.stored({ message });
    log.info({ message: message.id, to: message.to, priority: message.priority }, 'message sent');
    reply.header('location', `/v1/inbox/${message.id}`);
    return viewOf(message);
  });
}

/** To a task of another team nothing is sent, as to none. @throws `task-not-found`. */
async function requireOwnTask({ findCreated }: HttpDeps, to: string, asker: Asker): Promise<void> {
  if (asker.team === null || !isTaskId(to)) return;
  const created = await findCreated(to);
  if (created === null || !sees(asker, created.data)) throw new VmTaskError('task-not-found', `there is no task ${to}`);
}

function listRoute(app: App, { bus, stop }: HttpDeps): void {
  serve(app, routes.list, async (request, reply) => {
    const { to = '*', archived, after, limit } = request.query;
    const asker = askerOf(request);
    const isSeen = ({ message }: Kept) => sees(asker, message);
    if (wantsEventStream(request.raw)) {
      const from = Math.max(after, request.headers['last-event-id']);
      return sendMessages(reply, stop, (signal) => asEvents(followMessages(bus.connection, to, from, signal), isSeen));
    }
    const isWanted = (one: Kept) => isSeen(one) && (archived || one.message.archivedAt === null);
    const { messages, next } = await listMessages(bus.connection, to, { after, limit, isWanted });
    return { messages: messages.map(({ message }) => viewOf(message)), next };
  });
}

async function* asEvents(
  kept: AsyncIterable<Kept>,
  isSeen: (one: Kept) => boolean,
): AsyncGenerator<Sent<typeof routes.list>, void, void> {
  for await (const one of kept) {
    const { seq, message } = one;
    if (isSeen(one)) yield { id: seq, event: 'message', data: viewOf(message) };
  }
}

function showRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.show, async (request) => {
    const { message } = await findMessage(bus, request.params.id, askerOf(request));
    return viewOf(message);
  });
}

/** @throws `message-not-found`, of another team's too. */
async function findMessage({ connection }: HttpDeps['bus'], given: string, asker: Asker): Promise<Kept> {
  const id = parseMessageId(given);
  const kept = await readMessage(connection, id);
  if (kept !== null && sees(asker, kept.message)) return kept;
  throw new VmTaskError('message-not-found', `there is no message ${id}, or it has gone`);
}

function markRoutes(app: App, { bus }: HttpDeps): void {
  const mark = async (given: string, as: 'read' | 'archived', asker: Asker) => {
    const { message } = await findMessage(bus, given, asker);
    return viewOf(await markMessage(bus.connection, message.id, as));
  };
  serve(app, routes.read, (request) => mark(request.params.id, 'read', askerOf(request as FastifyRequest)));
  serve(app, routes.archive, (request) => mark(request.params.id, 'archived', askerOf(request as FastifyRequest)));
}

function viewOf({ v: _, ...message }: Message): MessageView {
  return { ...message, group: groupOf(message) };
}
