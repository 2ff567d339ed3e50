/**
 * `/v1/messages`: messages from the task to anybody, and those that were sent to it: to its id, and on a named VM to that.
 */
import { type Kept, listMessages, readMessage, sendMessage } from '@vm-task/bus/inbox';
import { requireQuota } from '@vm-task/bus/quota-refusals';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseMessageId } from '@vm-task/shared/ids';
import { groupOf, type Message, parseSending } from '@vm-task/shared/inbox';
import { messageIdFromCause, newMessageId } from '@vm-task/shared/new-ids';
import { mayRead, ownershipOf } from '@vm-task/shared/people';
import { readMessageSubject } from '@vm-task/shared/subjects';
import { z } from 'zod';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { mergePages } from './merge-pages.ts';
import { jsonOf, keyOf } from './request.ts';

/** Of one attempt and runner; the stream has a limit of its own. */
const messagesMax = 100;
/** Of these: who calls for people ten times within one attempt calls for nothing any more. */
const urgentMax = 10;
/** In one answer. */
const listedMax = 100;

const querySchema = z.object({ after: z.coerce.number().int().min(0).default(0) });

export function messageRoutes(app: GuestApiServer, deps: GuestApiDeps): void {
  sendRoute(app, deps);
  listRoute(app, deps);
  markRoute(app, deps);
}

function sendRoute(app: GuestApiServer, { attempt, bus, config, created, secrets }: GuestApiDeps): void {
  const { task, host } = attempt.ready;
  const ownership = ownershipOf({ team: created.data.team, principal: { kind: 'task', name: task } });
  let sent = 0;
  let urgent = 0;
  app.post('/v1/messages', async ({ body, headers }, reply) => {
    // Whatever it says of itself: who sends is known.
    const sending = parseSending({ ...objectOf(jsonOf(body)), from: `task ${task}` });
    if (++sent > messagesMax) throw tooMany(`${messagesMax} messages and may send no more`);
    if (sending.priority === 'urgent' && ++urgent > urgentMax) {
      throw tooMany(`${urgentMax} urgent messages and may send no more of them; send it as normal`);
    }
    const key = keyOf(headers);
    const id =
      key === null ? newMessageId(Date.now()) : messageIdFromCause(created.time.getTime(), 'inside', task, key);
    const links = sending.links.map((link) => ({
      title: secrets.maskText(link.title),
      href: secrets.maskText(link.href),
    }));
    const masked = { ...sending, text: secrets.maskText(sending.text), links };
    await requireQuota(bus.connection, created.data.team, 'message').catch(async (error) => {
      // Sent before, it is only told once more.
      if (key === null || (await readMessage(bus.connection, id)) === null) throw error;
    });
    const keepMs = config.inbox.keep[sending.priority];
    const message = await sendMessage(bus.connection, masked, { id, keepMs, host, ownership });
    return reply.code(201).send(viewOf(message));
  });
}

function listRoute(app: GuestApiServer, deps: GuestApiDeps): void {
  app.get('/v1/messages', async ({ query }) => {
    const parsed = querySchema.safeParse(query);
    if (!parsed.success) throw new VmTaskError('invalid-request', 'after: must be the "next" of the list before');
    const { after } = parsed.data;
    const isWanted = ({ message }: Kept) => mayRead(deps.created.data, message);
    const options = { after, limit: listedMax, isWanted };
    const lists = ownNames(deps).map((to) => listMessages(deps.bus.connection, to, options));
    const { page, next } = mergePages(await Promise.all(lists), { after, limit: listedMax });
    const messages = page.map(({ message }) => message).filter(({ archivedAt }) => archivedAt === null);
    return { messages: messages.map(viewOf), next };
  });
}

function markRoute(app: GuestApiServer, deps: GuestApiDeps): void {
  const { connection } = deps.bus;
  app.post('/v1/messages/:id/read', async ({ params }) => {
    const id = parseMessageId((params as { id: string }).id);
    const kept = await readMessage(connection, id);
    // Of another's message the task is not even told that there is one.
    const isOwn = kept !== null && ownNames(deps).includes(kept.message.to) && mayRead(deps.created.data, kept.message);
    if (!isOwn) throw new VmTaskError('message-not-found', `there is no message ${id} to this task, or it has gone`);
    const { task, host } = deps.attempt.ready;
    // Marks are control's to make: a host may not write over what others have sent.
    await connection.js.publish(readMessageSubject(task, host), JSON.stringify({ v: 1, id }));
    return viewOf({ ...kept.message, readAt: kept.message.readAt ?? (await deps.bus.now()).toISOString() });
  });
}

/** A machine that stays has messages of its own, under its pool's name: they are for whoever works there. */
function ownNames({ attempt }: GuestApiDeps): string[] {
  const { task, pool } = attempt.ready;
  return attempt.capabilities.clones ? [task] : [task, pool];
}

function viewOf({ v: _, ...message }: Message) {
  return { ...message, group: groupOf(message) };
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function tooMany(what: string): VmTaskError {
  return new VmTaskError('limit-reached', `the task has sent ${what}`);
}
