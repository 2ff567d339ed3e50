/** Keeping the record by which hosts refuse what is over a quota. Every intake writes what it counts, where that is not there. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Connection } from '@vm-task/bus/connection';
import { type QuotaRefusals, readQuotaRefusals, writeQuotaRefusals } from '@vm-task/bus/quota-refusals';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import type { Projection } from './projection/projection.ts';
import type { Quotas } from './quotas.ts';

const everyMs = 1_000;

export interface KeepingDeps {
  readonly connection: Connection;
  readonly config: Pick<SystemConfig, 'teams'>;
  readonly quotas: Pick<Quotas, 'refusal'>;
  readonly projection: Pick<Projection, 'isCatchingUp'>;
  readonly log: Logger;
}

/** Until `stop`; once, where no team has a quota any more. Nothing is said by what is only half counted. */
export async function keepQuotaRefusals(deps: KeepingDeps, stop: AbortSignal): Promise<void> {
  const { config, projection, log } = deps;
  const hasQuotas = Object.values(config.teams).some(({ quotas }) => Object.keys(quotas).length > 0);
  let isKept = false;
  while (!stop.aborted && (hasQuotas || !isKept)) {
    if (!projection.isCatchingUp) {
      isKept = await keep(deps).then(
        () => true,
        (error) => {
          if (!stop.aborted) log.warn({ err: error }, 'the record of teams at their quotas could not be kept');
          return false;
        },
      );
    }
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function keep({ connection, config, quotas }: KeepingDeps): Promise<void> {
  const refusals = Object.fromEntries(Object.keys(config.teams).flatMap((team) => refusalsOf(quotas, team)));
  if (!isDeepStrictEqual(await readQuotaRefusals(connection), refusals)) await writeQuotaRefusals(connection, refusals);
}

function refusalsOf(quotas: Pick<Quotas, 'refusal'>, team: string): [string, QuotaRefusals[string]][] {
  const refusals = {
    task: quotas.refusal(team, { what: 'task', keepsFiles: false }),
    taskWithFiles: quotas.refusal(team, { what: 'task', keepsFiles: true }),
    message: quotas.refusal(team, { what: 'message', keepsFiles: false }),
  };
  return Object.values(refusals).every((reason) => reason === null) ? [] : [[team, refusals]];
}
