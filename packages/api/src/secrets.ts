/** Secrets: their values are set, and never answered. */
import { nameSchema } from '@vm-task/shared/names';
import { z } from 'zod';
import type { Route } from './route.ts';

const secretSchema = z.object({
  name: z.string(),
  /** Null: everybody's. */
  team: z.string().nullable(),
  /** From 1, higher at each setting. */
  version: z.int(),
  setAt: z.iso.datetime(),
  hosts: z.array(
    z.object({
      name: z.string(),
      /** Encrypted for it; not encrypted for it, or only an older version; or it has no key to encrypt for yet. */
      state: z.enum(['has', 'lacks', 'no-key']),
    }),
  ),
});
export type SecretView = z.infer<typeof secretSchema>;

const secretBodySchema = z.strictObject({
  name: nameSchema,
  value: z.string(),
  team: z.null().optional(),
});

export const secretRoutes = {
  set: {
    method: 'POST',
    path: '/v1/secrets',
    role: 'operator',
    homeWide: true,
    summary: 'Set a secret: its value is encrypted for every host that is known',
    body: secretBodySchema,
    status: 200,
    answer: secretSchema,
    refusals: [400, 413, 503],
  },
  list: {
    method: 'GET',
    path: '/v1/secrets',
    role: 'operator',
    homeWide: true,
    summary: 'List secrets, and which hosts have them; never their values',
    status: 200,
    answer: z.object({ secrets: z.array(secretSchema) }),
  },
  remove: {
    method: 'DELETE',
    path: '/v1/secrets/:name',
    role: 'operator',
    homeWide: true,
    summary: 'Remove a secret',
    params: z.object({ name: z.string() }),
    status: 200,
    answer: z.object({ name: z.string() }),
    refusals: [400, 404],
  },
} as const satisfies Record<string, Route>;
