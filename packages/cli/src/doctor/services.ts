/** The system as `up` reports it in `run/system.json`. */

import { processesOf } from '@vm-task/embedded/processes';
import type { ServiceState, SystemState } from '@vm-task/embedded/state';
import type { Home } from '@vm-task/shared/home';
import { type Check, type Finding, fail, pass, warn } from './check.ts';

export const services: Check = {
  name: 'services',
  limitMs: 5_000,
  async look({ environment: { home }, state }) {
    return state === null ? assessAbsence(home) : assessServices(home, state);
  },
};

function assessAbsence(home: Home): Finding {
  const left = processesOf(home).length;
  const start = './vm-task up --detach';
  if (left === 0) return warn(`the system is not up on ${home.root}`, start);
  return fail(
    `what supervised the system has died, and ${left} of its processes run on`,
    `${start} begins anew with all of it`,
  );
}

function assessServices(home: Home, { phase, services: all }: SystemState): Finding {
  const amiss = all.filter(({ state }) => state !== 'ready');
  if (phase === 'ready') return pass(all.map(({ name }) => name).join(', '));
  const failed = amiss.filter(({ state, lastExit }) => state === 'waiting' || lastExit !== null);
  const detail = `${phase}: ${amiss.map(describe).join(', ') || 'no service has begun'}`;
  return failed.length > 0
    ? fail(detail, `the logs in ${home.logs} say why: ${failed.map(({ name }) => `${name}.log`).join(', ')}`)
    : warn(detail, './vm-task status tells when it is ready');
}

function describe({ name, state, lastExit }: ServiceState): string {
  return lastExit === null ? `${name} is ${state}` : `${name} is ${state} (${lastExit})`;
}
