/** Commands about messages: send, list, read, archive. */
import { userInfo } from 'node:os';
import type { MessageView } from '@vm-task/client/views';
import { type Group, groups } from '@vm-task/shared/inbox';
import type { Priority } from '@vm-task/shared/priorities';
import { readText } from '../input.ts';
import { plainLines, shorten } from '../screen/plain-text.ts';
import { print, printJson, printJsonLine } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import { readPages } from '../short-pages.ts';
import type { Common } from './tasks.ts';

const usualLimit = 200;

const titles: Readonly<Record<Group, string>> = { now: 'Now', pending: 'Pending', reference: 'For reference' };

/** A group that is not known here is named by its own word. */
function titleOf(group: string): string {
  return group in titles ? titles[group as Group] : group;
}

export interface SendOptions {
  readonly to: string;
  readonly priority: Priority;
  /** The user's own name where it is not given. */
  readonly from?: string;
}

/** `words` are the text; `-`, or none, takes it from stdin. */
export async function send({ system, json }: Common, words: readonly string[], options: SendOptions): Promise<void> {
  const { to, priority, from = userInfo().username } = options;
  const text =
    words.length === 0 || (words.length === 1 && words[0] === '-')
      ? await readText('-', 'invalid-message')
      : words.join(' ');
  const message = await system.client.inbox.send({ to, priority, from, text });
  if (json) printJson(message);
  else print(message.id);
}

export async function listInbox({ system, json }: Common, query: Readonly<Record<string, string>>): Promise<void> {
  const { found: messages, next } = await readPages(query, usualLimit, async (page) => {
    const listed = await system.client.inbox.list({ ...query, ...page });
    return { found: listed.messages, next: listed.next };
  });
  if (json) return printJson({ messages, next });
  const named = new Set([...groups, ...messages.map(({ group }) => group)]);
  const shown = [...named].map((group) => groupText(group, messages)).filter((text) => text !== null);
  print(shown.length === 0 ? 'no messages' : shown.join('\n\n'));
  if (next !== null) print(`\nmore: vm-task inbox list --after ${next}`);
}

function groupText(group: string, messages: readonly MessageView[]): string | null {
  const rows = messages.filter((message) => message.group === group).map(rowOf);
  if (rows.length === 0) return null;
  return `${titleOf(group)}\n${table(['id', 'sent', 'to', 'from', 'priority', 'gone', 'text'], rows)}`;
}

function rowOf({ id, sentAt, to, from, priority, expiresAt, text }: MessageView): string[] {
  return [id, sentAt, to, shorten(from, 30), priority, expiresAt, shorten(text, 60)];
}

/** Prints what is there and what comes, until the command is ended. */
export async function followInbox({ system, json }: Common, query: Readonly<Record<string, string>>): Promise<void> {
  const { signal } = new AbortController();
  for await (const message of system.client.inbox.follow(query, signal)) {
    if (json) printJsonLine(message);
    else print([titleOf(message.group), ...rowOf(message)].map((cell) => shorten(cell, 200)).join('  '));
  }
}

/** Prints the whole text, and marks it as read. */
export async function readInboxMessage({ system, json }: Common, id: string): Promise<void> {
  const message = await system.client.inbox.read(id);
  if (json) return printJson(message);
  const links = message.links.map(({ title, href }) => `\n${plainLines(title)}: ${plainLines(href)}`).join('');
  print(`${plainLines(message.text)}${links}`);
}

export async function archiveInboxMessage({ system, json }: Common, id: string): Promise<void> {
  const message = await system.client.inbox.archive(id);
  if (json) printJson(message);
  else print(`${message.id} is put away; inbox list --archived still shows it`);
}
