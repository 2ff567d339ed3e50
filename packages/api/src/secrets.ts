/** Secrets: their values are set, and never answered. */
import { nameSchema } from '@vm-task/shared/names';
import { teamSchema } from '@vm-task/shared/people';
import { z } from 'zod';
import type { Route } from './route.ts';

const secretSchema = z.object({
  name: z.string(),
  /** Null: the home's. */
  team: z.string().nullable(),
  shared: z.boolean().describe("of the home's: tasks of teams get it, too"),
  /** From 1, higher at each setting. */
  version: z.int(),
  setAt: z.iso.datetime(),
  hosts: z.array(
    z.object({
      name: z.string(),
      state: z
        .enum(['has', 'lacks', 'absent', 'no-key'])
        .describe(
          'has: encrypted for it; lacks: not encrypted for the key that it has now; absent: likewise, and it was not heard of for 5 minutes, so it is left out; no-key: it has no key to encrypt for yet',
        ),
    }),
  ),
});
export type SecretView = z.infer<typeof secretSchema>;

const secretBodySchema = z.strictObject({
  name: nameSchema,
  value: z.string(),
  team: teamSchema.nullable().optional().describe("whose it is; by default the token's team, or the home's"),
  shared: z.boolean().optional().describe("of the home's: tasks of teams get it, too"),
});

const querySchema = z.strictObject({
  team: teamSchema.optional().describe('whose; by default what the token sees'),
});

export const secretRoutes = {
  set: {
    method: 'POST',
    path: '/v1/secrets',
    role: 'operator',
    summary: 'Set a secret: its value is encrypted for every host that is there',
    body: secretBodySchema,
    status: 200,
    answer: secretSchema,
    refusals: [400, 413, 503],
  },
  list: {
    method: 'GET',
    path: '/v1/secrets',
    role: 'operator',
    summary: 'List secrets, and which hosts have them; never their values',
    query: querySchema,
    status: 200,
    answer: z.object({ secrets: z.array(secretSchema) }),
  },
  remove: {
    method: 'DELETE',
    path: '/v1/secrets/:name',
    role: 'operator',
    summary: 'Remove a secret',
    params: z.object({ name: z.string() }),
    query: z.strictObject({
      team: teamSchema.optional().describe("whose; by default the token's team, or the home's"),
    }),
    status: 200,
    answer: z.object({ name: z.string(), team: z.string().nullable() }),
    refusals: [400, 404],
  },
} as const satisfies Record<string, Route>;
