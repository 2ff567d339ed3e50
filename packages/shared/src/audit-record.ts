/** A record of the audit log: who did what over HTTP, about what, from where, and what came of it. */
import { z } from 'zod';
import { teamSchema } from './people.ts';
import { openEnum } from './tolerant.ts';

export const auditThings = [
  'task',
  'pipeline',
  'template',
  'token',
  'secret',
  'message',
  'deadletter',
  'team',
] as const;
export type AuditThing = (typeof auditThings)[number];

/** An id, the beginning of one, a name, or a template's name with its version. */
export const auditedIdPattern = /^[a-z0-9][a-z0-9-]{0,49}(@\d{1,10})?$/;

/** Never a body, a value of a secret or the text of a token. */
export const auditRecordSchema = z.strictObject({
  v: z.literal(1),
  /** By the clock of the intake that was asked. */
  at: z.iso.datetime(),
  /** Null where no token was right. */
  who: z
    .strictObject({ kind: openEnum(['token']), name: z.string().min(1).max(64), team: teamSchema.nullable() })
    .nullable(),
  /** The method and the route's pattern, as `DELETE /v1/tasks/:id`; never a path. */
  act: z.string().max(200),
  /** What was named, and what was made. Of an id that was refused, as much as was given. */
  about: z.array(z.strictObject({ kind: openEnum(auditThings), id: z.string().regex(auditedIdPattern) })).max(2),
  /** An IP address, or `socket` for the home's own. */
  from: z.string().max(64),
  /** The status of the answer. */
  outcome: z.int(),
});
export type AuditRecord = z.infer<typeof auditRecordSchema>;
