/** Where the system listens, or will. */
import { createHomeClient, httpUrl } from '@vm-task/embedded/home-client';
import { NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import type { SystemConfig } from '@vm-task/service/config';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { type Check, fail, pass } from './check.ts';

/** Intake answers this from memory. */
const answerLimitMs = 5_000;

export const ports: Check = {
  name: 'ports',
  limitMs: 10_000,
  async look({ environment: { home }, state, config }) {
    if (state === null) return pass(await whereItWillListen(config()));
    const intake = state.services.find(({ name }) => name === 'intake');
    if (intake?.state !== 'ready') throw new NotCheckable('intake is not ready; see services');
    const problem = await problemOf(home);
    if (problem === null) return pass(`HTTP answers at ${httpUrl(home)}`);
    return fail(problem, `./vm-task down && ./vm-task up --detach; its log is ${home.logs}/intake.log`);
  },
};

async function problemOf(home: Home): Promise<string | null> {
  const limit = AbortSignal.timeout(answerLimitMs);
  try {
    // Behind the token, as everything that commands ask for.
    await createHomeClient(home).system.description(limit);
    return null;
  } catch (error) {
    if (limit.aborted) return `intake takes connections at ${httpUrl(home)} and says nothing`;
    return errorInfo(error).message;
  }
}

/** One that is taken is no trouble: another one is used, and `status` tells which. */
async function whereItWillListen({ http, nats }: Pick<SystemConfig, 'http' | 'nats'>): Promise<string> {
  const wanted = nats.servers === undefined ? [http.port, nats.port] : [http.port];
  const described = wanted.map(async (port) => {
    if (port === 0) return 'any port';
    return (await freePort(port)) === port ? `port ${port}` : `another port than ${port}, which is taken`;
  });
  const names = nats.servers === undefined ? 'HTTP and NATS' : 'HTTP';
  return `${names} will listen on ${(await Promise.all(described)).join(' and ')}`;
}
