/**
 * Messages to people, named VMs and roles: what one is, and how long it is kept. The broker itself lets it go; nothing
 * of ours has to run for that.
 */
import { z } from 'zod';
import { VmTaskError } from './errors.ts';
import { isTaskId, type MessageId, messageIdPattern, nameForm, namePattern } from './ids.ts';
import { givenLinksSchema, linksSchema } from './links.ts';
import { ownershipShape } from './people.ts';
import { priorities } from './priorities.ts';
import { explainIssues } from './unknown-keys.ts';

/** The most pressing first. */

/** A message is read by people: longer ones are files, and belong into artifacts. */
export const textMaxBytes = 64 * 1024;

/** A person, a named VM, a role, or a task: whoever reads asks for the name. */
export const recipientSchema = z
  .string()
  .refine((to) => namePattern.test(to) || isTaskId(to), `must be ${nameForm}, or a task id`);

/** What a sender says. */
export const sendSchema = z.strictObject({
  to: recipientSchema,
  priority: z.enum(priorities).default('normal'),
  /** For people, as the sender calls itself. */
  from: z.string().min(1).max(256),
  text: z.string().min(1, 'the text is empty; write what is to be said'),
  links: givenLinksSchema.default([]),
});
export type Sending = z.infer<typeof sendSchema>;

export const messageSchema = z.strictObject({
  v: z.literal(1),
  id: z.string().regex(messageIdPattern) as unknown as z.ZodType<MessageId>,
  to: recipientSchema,
  priority: z.enum(priorities),
  from: z.string(),
  text: z.string(),
  links: linksSchema,
  /** Both by the broker's clock. */
  sentAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  readAt: z.iso.datetime().nullable(),
  archivedAt: z.iso.datetime().nullable(),
  ...ownershipShape,
});
export type Message = z.infer<typeof messageSchema>;

/** @throws `invalid-message` with every key that is wrong, `message-too-large` with both sizes. */
export function parseSending(submitted: unknown): Sending {
  const parsed = sendSchema.safeParse(submitted);
  if (!parsed.success) throw new VmTaskError('invalid-message', explainIssues(parsed.error, sendSchema));
  const bytes = new TextEncoder().encode(parsed.data.text).length;
  if (bytes <= textMaxBytes) return parsed.data;
  throw new VmTaskError(
    'message-too-large',
    `the text has ${bytes} bytes and may have ${textMaxBytes}; put the rest into a file and say where it is`,
  );
}

export const groups = ['now', 'pending', 'reference'] as const;
/** How a message is shown: what cannot wait, what is to be done, and what is good to know. */
export type Group = (typeof groups)[number];

/** What has been read asks for nothing any more. */
export function groupOf({ priority, readAt }: Pick<Message, 'priority' | 'readAt'>): Group {
  if (priority === 'info' || readAt !== null) return 'reference';
  return priority === 'urgent' ? 'now' : 'pending';
}
