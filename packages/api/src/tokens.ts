/** Tokens of people and programs: made, listed, revoked; and what the token that asks may do. */
import { durationSchema } from '@vm-task/shared/durations';
import { nameForm, namePattern } from '@vm-task/shared/ids';
import { tokenRecordSchema } from '@vm-task/shared/people';
import { tokenRoles } from '@vm-task/shared/token-roles';
import { z } from 'zod';
import type { Route } from './route.ts';

export const tokenStatuses = ['valid', 'expired', 'revoked'] as const;

const tokenViewSchema = tokenRecordSchema.omit({ v: true, hash: true }).extend({
  status: z.enum(tokenStatuses),
});
export type TokenView = z.infer<typeof tokenViewSchema>;

const nameSchema = z.string().regex(namePattern, `must be ${nameForm}`);

const newTokenSchema = z.strictObject({
  name: nameSchema.describe('stands for this token for ever, also in events and in what is recorded'),
  role: z.enum(tokenRoles),
  team: nameSchema.optional().describe('it submits for this team, and sees what is of this team alone'),
  expires: durationSchema.optional().describe('from now on, as 90d; without it, it holds until it is revoked'),
});

const params = z.object({ name: z.string() });

export const tokenRoutes = {
  create: {
    method: 'POST',
    path: '/v1/tokens',
    role: 'admin',
    homeWide: true,
    summary: 'Make a token; its text is in this answer and nowhere else',
    body: newTokenSchema,
    status: 201,
    answer: tokenViewSchema.extend({ token: z.string().describe('what is sent as "Authorization: Bearer …"') }),
    refusals: [400, 409],
  },
  list: {
    method: 'GET',
    path: '/v1/tokens',
    role: 'admin',
    homeWide: true,
    summary: 'List tokens, those that are over included',
    status: 200,
    answer: z.object({ tokens: z.array(tokenViewSchema) }),
  },
  revoke: {
    method: 'DELETE',
    path: '/v1/tokens/:name',
    role: 'admin',
    homeWide: true,
    summary: 'Revoke a token: within seconds it opens nothing, and its live streams end',
    params,
    status: 200,
    answer: tokenViewSchema,
    refusals: [404],
  },
  self: {
    method: 'GET',
    path: '/v1/whoami',
    role: 'viewer',
    summary: 'The token that asks: its name, role and team',
    status: 200,
    answer: z.object({
      name: z.string(),
      role: z.enum(tokenRoles),
      team: z.string().nullable(),
      expiresAt: z.iso.datetime().nullable(),
    }),
  },
} as const satisfies Record<string, Route>;
