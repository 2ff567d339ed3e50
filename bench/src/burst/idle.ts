/** What connections to warm VMs cost the runner that holds them, while nobody has a task. */
import { setTimeout as delay } from 'node:timers/promises';
import { openFilesOf } from '@vm-task/chaos/own-processes';
import { cpuSecondsOf } from '@vm-task/hypervisor/host/process-cpu';
import { privateMemoryOf } from '../history/private-memory.ts';
import { residentsOf } from '../soak/residents.ts';
import { startSystem } from '../task/system.ts';

export interface Idle {
  /** Of a core. */
  readonly share: number;
  readonly memoryMiB: number;
}

const watchMs = 30_000;
/** Services settle. */
const settleMs = 10_000;
const limitMs = 15 * 60_000;

/** A runner with so many connections, on a system of its own. */
export async function idleRunner(image: string, connections: number): Promise<Idle> {
  const pool = { image, warm: connections, max: Math.max(1, connections) };
  await using system = await startSystem({ defaultPool: 'idle', pools: { idle: pool } });
  const runner = residentsOf(system.home).find(({ name }) => name === 'runner');
  if (runner === undefined) throw new Error('no runner is up');
  const sockets = () => openFilesOf(runner.pid).filter((path) => path.startsWith('socket:')).length;
  const before = sockets();
  const giveUpAt = performance.now() + limitMs;
  while (sockets() < before + connections) {
    if (performance.now() > giveUpAt) throw new Error(`there are no ${connections} connections`);
    await delay(100);
  }
  await delay(settleMs);
  const cpu = cpuSecondsOf(runner.pid);
  await delay(watchMs);
  const share = (cpuSecondsOf(runner.pid) - cpu) / (watchMs / 1_000);
  return { share, memoryMiB: privateMemoryOf(runner.pid) / 1_048_576 };
}
