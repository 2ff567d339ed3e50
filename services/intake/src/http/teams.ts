/** `/v1/teams`: what teams use of their quotas. */
import { teamRoutes as routes, type TeamView } from '@vm-task/api/teams';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Asker } from '../people/asker.ts';
import { type QuotaUse, roundUp } from '../quota-refusal.ts';
import { askerOf } from './guard.ts';
import { readProjection } from './read-projection.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function teamRoutes(app: App, deps: HttpDeps): void {
  const { projection, quotas } = deps;
  const viewOf = (name: string): TeamView => ({ name, quotas: quotas.usage(name).map(useOf) });
  serve(app, routes.list, async (request, reply) => {
    await readProjection(projection, reply);
    return { teams: teamsSeenBy(deps, askerOf(request)).map(viewOf) };
  });
  serve(app, routes.show, async (request, reply) => {
    const { name } = request.params;
    if (!teamsSeenBy(deps, askerOf(request)).includes(name)) {
      throw new VmTaskError(
        'team-not-found',
        `there is no team ${JSON.stringify(name)}; ./vm-task team list shows all`,
      );
    }
    await readProjection(projection, reply);
    return viewOf(name);
  });
}

/** There is a team where a token is of it, or the configuration names it. */
function teamsSeenBy({ config, tokens }: HttpDeps, { team }: Asker): readonly string[] {
  if (team !== null) return [team];
  const ofTokens = tokens.records.flatMap((record) => record.team ?? []);
  return [...new Set([...Object.keys(config.teams), ...ofTokens])].sort();
}

function useOf({ quota, used, limit, freeAtMs }: QuotaUse): TeamView['quotas'][number] {
  return { quota, used: roundUp(used), limit, freeAt: freeAtMs === null ? null : new Date(freeAtMs).toISOString() };
}
