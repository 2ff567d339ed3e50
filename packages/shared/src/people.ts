/**
 * People and programs that ask for something: tokens with a role and perhaps a team, and who caused an event. A token is a
 * secret of 256 random bits; what is kept of it is its SHA-256, so nobody learns a token from what is stored.
 */
import { z } from 'zod';
import { namePattern } from './ids.ts';
import { tokenRoles } from './token-roles.ts';
import { openEnum } from './tolerant.ts';

/** By this, whoever finds a token somewhere knows what it is. */
export const tokenPrefix = 'vmt_';

/** The name of the token that a home has from the beginning, and of whoever publishes commands to NATS. */
export const homeTokenName = 'home';
export const natsSubmitterName = 'submit';
export const reservedTokenNames: readonly string[] = [homeTokenName, natsSubmitterName];

export const teamSchema = z.string().regex(namePattern);

/** What is kept of a token. A record stays when the token is over, so a name stands for one token for ever. */
export const tokenRecordSchema = z.strictObject({
  v: z.literal(1),
  name: z.string().regex(namePattern),
  /** SHA-256 of the token's text, in hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  role: z.enum(tokenRoles),
  /** Null for one that is of the whole home. */
  team: teamSchema.nullable(),
  /** The token that made it. */
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
});
export type TokenRecord = z.infer<typeof tokenRecordSchema>;

/**
 * Who caused an event, as the system knows and not as somebody says: a token by its name, the user `submit` of NATS, a
 * host, what fires by itself, or a task that asked for another one (by its id).
 */
export const principalSchema = z.strictObject({
  kind: openEnum(['token', 'nats', 'host', 'trigger', 'task']),
  name: z.string().min(1).max(64),
});
export type Principal = z.infer<typeof principalSchema>;

/** Whose a task, a pipeline or a message is: the team it is of, and who caused it. Left out where there is none. */
export const ownershipShape = { team: teamSchema.optional(), principal: principalSchema.optional() };

export interface Ownership {
  readonly team?: string | undefined;
  readonly principal?: Principal | undefined;
}

/** What of it is there, and nothing else. */
export function ownershipOf({ team, principal }: Ownership): Ownership {
  return { ...(team === undefined ? {} : { team }), ...(principal === undefined ? {} : { principal }) };
}

/** Of commands that somebody publishes to NATS. */
export const natsSubmitter: Principal = { kind: 'nats', name: natsSubmitterName };

/** Whether a task is given a message: one of its own team, or one that is of no team. */
export function mayRead(task: Ownership, message: Ownership): boolean {
  return message.team === undefined || message.team === task.team;
}
