/** Whether a system has settled: nothing is pending anywhere, and on the host is nothing but warm VMs. */
import { eventually } from '@vm-task/testing/conditions';
import type { SystemUnderTest } from '../system/system.ts';

/** The reaper's patience, a few sweeps, a redelivery: seconds. This is for a machine that has much else to do. */
const quietLimitMs = 180_000;

/** Returns once it has settled, with one warm VM. @throws what is still there. */
export async function waitForQuiet(system: SystemUnderTest): Promise<void> {
  let restless: string[] = [];
  const isQuiet = async () => {
    restless = await whatIsRestless(system);
    return restless.length === 0;
  };
  await eventually(isQuiet, { what: 'the system has settled', limitMs: quietLimitMs }).catch(() => {
    throw new Error(`not settled within ${quietLimitMs / 1_000} s: ${restless.join('; ')}`);
  });
}

async function whatIsRestless(system: SystemUnderTest): Promise<string[]> {
  const services = system.isReady() ? [] : ['a service is not ready'];
  return [...services, ...(await pendingConsumers(system)), ...(await strangeVms(system))];
}

async function pendingConsumers({ bus }: SystemUnderTest): Promise<string[]> {
  const busy: string[] = [];
  for (const stream of ['EVENTS', 'COMMANDS', 'TIMERS']) {
    for await (const { name, config, num_pending, num_ack_pending } of bus.connection.jsm.consumers.list(stream)) {
      if (config.durable_name === undefined || num_pending + num_ack_pending === 0) continue;
      busy.push(`consumer ${name} has ${num_pending} pending and ${num_ack_pending} unacknowledged`);
    }
  }
  return busy;
}

async function strangeVms({ hypervisor }: SystemUnderTest): Promise<string[]> {
  const states = await hypervisor.list();
  const strange = await Promise.all(
    states.map(async ({ phase, record: { vm } }) => {
      if (phase !== 'ready') return [`${vm} is ${phase}`];
      return (await hypervisor.isAlive(vm)) ? [] : [`${vm} is dead`];
    }),
  );
  const warm = states.length === 1 ? [] : [`${states.length} VMs in the ledger, not 1`];
  const strays = (await hypervisor.strays()).map((stray) => `a stray ${JSON.stringify(stray)}`);
  return [...strange.flat(), ...warm, ...strays];
}
