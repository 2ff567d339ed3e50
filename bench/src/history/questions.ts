/** What people ask of a home with a history, each many times, and how long the answers take. */
import type { Client } from '@vm-task/client/client';
import { type Summary, summarize } from '../percentiles.ts';

export type Ask = () => Promise<unknown>;

/** By every filter of the list alone, and what is asked without looking at single tasks. */
export function questionsOf({ tasks, pools, system }: Client): Readonly<Record<string, Ask>> {
  return {
    list: () => tasks.list({}),
    'list, status completed': () => tasks.list({ status: 'completed' }),
    'list, status queued': () => tasks.list({ status: 'queued' }),
    'list, pool': () => tasks.list({ pool: 'other' }),
    'list, label of a tenth': () => tasks.list({ label: ['team=team-3'] }),
    'list, label of ten tasks': () => tasks.list({ label: ['order=17'] }),
    'list, label of none': () => tasks.list({ label: ['order=none'] }),
    '/v1/pools': () => pools.list(),
    '/metrics': () => system.metrics(),
  };
}

/** In milliseconds, one after the other. */
export async function time(ask: Ask, times: number): Promise<Summary> {
  const values: number[] = [];
  for (let n = 0; n < times; n++) {
    const begun = performance.now();
    await ask();
    values.push(performance.now() - begun);
  }
  return summarize(values);
}
