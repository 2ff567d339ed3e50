/**
 * The contract of the HTTP API: every route, once. Intake serves these, the client asks these, and `docs/openapi.json`
 * describes these. Nothing here needs Node.
 *
 * | file | role |
 * |---|---|
 * | `route.ts` | what a route is |
 * | `tasks.ts`, `task-output.ts` | tasks; their events, output and files |
 * | `pipelines.ts`, `templates.ts` | pipelines; tasks and pipelines by name |
 * | `inbox.ts`, `dead-letters.ts` | messages; what no handler could take |
 * | `tokens.ts`, `teams.ts`, `audit.ts` | who may ask for what; what teams use; who did what |
 * | `pools.ts`, `hosts.ts`, `secrets.ts`, `system.ts` | pools; hosts; secrets; health, metrics, the description |
 * | `accepted.ts`, `paging.ts`, `live.ts` | what several have in common: submissions, pages, server-sent events |
 * | `problem.ts` | errors |
 */
import { auditRoutes } from './audit.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { hostRoutes } from './hosts.ts';
import { inboxRoutes } from './inbox.ts';
import { pipelineRoutes } from './pipelines.ts';
import { poolRoutes } from './pools.ts';
import type { Route } from './route.ts';
import { secretRoutes } from './secrets.ts';
import { systemRoutes } from './system.ts';
import { taskOutputRoutes } from './task-output.ts';
import { taskRoutes } from './tasks.ts';
import { teamRoutes } from './teams.ts';
import { templateRoutes } from './templates.ts';
import { tokenRoutes } from './tokens.ts';

export const routes = {
  tasks: { ...taskRoutes, ...taskOutputRoutes },
  pipelines: pipelineRoutes,
  templates: templateRoutes,
  inbox: inboxRoutes,
  deadLetters: deadLetterRoutes,
  tokens: tokenRoutes,
  teams: teamRoutes,
  audit: auditRoutes,
  pools: poolRoutes,
  hosts: hostRoutes,
  secrets: secretRoutes,
  system: systemRoutes,
} as const satisfies Record<string, Record<string, Route>>;

export const allRoutes: readonly Route[] = Object.values(routes).flatMap((group): Route[] => Object.values(group));
