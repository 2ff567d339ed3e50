/** Teams: what each uses, and how much it may. */
import { quotaNames } from '@vm-task/shared/quotas';
import { z } from 'zod';
import type { Route } from './route.ts';

const quotaUseSchema = z.object({
  quota: z.enum(quotaNames),
  used: z.number().describe('in the unit that the name ends in; else a number of what it names'),
  limit: z.int().nullable().describe('null where there is none'),
  freeAt: z.iso
    .datetime()
    .nullable()
    .describe('when there is room again by time alone; null while there is room, or where time does not help'),
});

const teamViewSchema = z.object({ name: z.string(), quotas: z.array(quotaUseSchema) });
export type TeamView = z.infer<typeof teamViewSchema>;

export const teamRoutes = {
  list: {
    method: 'GET',
    path: '/v1/teams',
    role: 'viewer',
    summary: 'List teams with what they use of their quotas: the own one, or for a token without a team all',
    status: 200,
    answer: z.object({ teams: z.array(teamViewSchema) }),
  },
  show: {
    method: 'GET',
    path: '/v1/teams/:name',
    role: 'viewer',
    summary: 'Show what a team uses of its quotas',
    params: z.object({ name: z.string() }),
    status: 200,
    answer: teamViewSchema,
    refusals: [404],
  },
} as const satisfies Record<string, Route>;
