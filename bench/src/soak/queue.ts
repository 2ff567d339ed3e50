/** Thousands of tasks wait at once, because nobody makes VMs: they are submitted while the provisioner is stopped. */
import { services as all } from '@vm-task/shared/roles';
import { startBroker } from '@vm-task/testing/broker';
import { signalProcess } from '@vm-task/testing/processes';
import { followEnds } from '../hops/follow-ends.ts';
import { startServices } from '../hops/services.ts';
import type { Target } from '../report.ts';
import type { Part, Watch } from './part.ts';
import { memoryMiBOf, type Resident, watchMemory } from './residents.ts';

/** What a heap that works hard may swing by, and less than 7 KiB for each of 10,000 tasks. */
const moreMiB = 64;
/** The broker caches what it stores, and lets go of it as it likes: only where that ends is of interest. */
const brokerMiB = 200;
const brokerName = 'nats-server';
const inFlight = 16;
const requestsAtOnce = 32;
/** Compilers, connections and files get warm. */
const warmUp = 200;
const tellEvery = 1_000;

export async function soakQueue(tasks: number, { tell, signal }: Watch): Promise<Part> {
  await using broker = await startBroker({ users: all });
  await using services = await startServices(broker, inFlight);
  await using ends = followEnds(broker);
  const submit = async (count: number, about: string) => {
    const ids: string[] = [];
    let left = count;
    const worker = async () => {
      while (left-- > 0) {
        signal.throwIfAborted();
        ids.push(await services.submit());
        if (ids.length % tellEvery === 0) tell(`  ${ids.length} of ${count} ${about}`);
      }
    };
    await Promise.all(Array.from({ length: requestsAtOnce }, worker));
    return ids;
  };
  const allOver = async (ids: readonly string[]) => {
    for (const [index, id] of ids.entries()) {
      signal.throwIfAborted();
      await ends.of(id);
      if ((index + 1) % tellEvery === 0) tell(`  ${index + 1} of ${ids.length} over`);
    }
  };
  await allOver(await submit(warmUp, 'submitted'));
  const residents = [
    { name: brokerName, pid: broker.server.pid },
    ...Object.entries(services.pids).map(([name, pid]) => ({ name, pid })),
  ];
  const before = memoryOf(residents);
  using memory = watchMemory(residents);
  signalProcess(services.pids.provisioner, 'SIGSTOP');
  const ids = await submit(tasks, 'submitted').finally(() => signalProcess(services.pids.provisioner, 'SIGCONT'));
  await allOver(ids);
  await ends.settled();
  const after = memoryOf(residents);
  const rows = residents.map(({ name }) => {
    const shown = (of: ReadonlyMap<string, number>) => (of.get(name) ?? 0).toFixed(0);
    return [name, shown(before), shown(memory.peaks), shown(after)];
  });
  return {
    title: `${tasks} tasks queued at once: resident MiB`,
    header: ['', 'before', 'most', 'after'],
    rows,
    targets: residents.map(
      ({ name }): Target => ({
        what: `${name}, MiB`,
        value: memory.peaks.get(name) ?? 0,
        limit: name === brokerName ? brokerMiB : (before.get(name) ?? 0) + moreMiB,
        kind: 'at most',
      }),
    ),
  };
}

function memoryOf(residents: readonly Resident[]): Map<string, number> {
  return new Map(residents.map(({ name, pid }) => [name, memoryMiBOf(pid)]));
}
