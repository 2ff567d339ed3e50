/**
 * What a trivial task costs through the whole system, on a warm pool and on a cold one whose snapshot is there, split
 * by phase, against the floor in the same run: connecting by bare ssh2 and executing `true`, on a clone of the same
 * snapshot as young as the task's own, so that neither finds the guest warmer than the other.
 *
 * Everything in turns, and each only when all VMs are idle and no other is in the making (`src/task/`).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { hostFacts } from '@vm-task/hypervisor/drivers/qemu/host-facts';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import { type Home, homeAt } from '@vm-task/shared/home';
import { readArguments } from './src/arguments.ts';
import { summarize } from './src/percentiles.ts';
import { runOnce } from './src/raw-ssh.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';
import { untilQuiet } from './src/task/quiet.ts';
import { runTask, type TaskTimes } from './src/task/run-task.ts';
import { startSystem, systemConfig } from './src/task/system.ts';

const options = readArguments('Measures a trivial task through the whole system, against bare ssh2.', {
  rounds: { default: 10, about: 'rounds: the floor, a task on a warm VM, one on a cold pool' },
});

const image = 'base';
const { cache, ...rest } = readEnvironment();
const settings = systemConfig(image);
const config = parseConfig(JSON.stringify(settings), 'the benchmark');
const pool = config.pools['warm'];
const [size] = pool === undefined ? [] : config.drivers.describe('warm', pool).sizes;
if (size === undefined) throw new Error('the pool has no size');
const vmClass = {
  driver: 'qemu',
  pool: 'floor',
  image: { name: image, version: null },
  size,
  egress: 'none',
  allow: [],
} as const;
const forever = new AbortController().signal;

const floor: number[] = [];
const warm: TaskTimes[] = [];
const cold: TaskTimes[] = [];
const { accelerator, qemuVersion } = await measure();
report();

async function measure() {
  await using system = await startSystem(settings);
  const vms = createHypervisor({ environment: { ...rest, cache, home: system.home }, config });
  console.log('waiting for image, snapshot and warm VM');
  // Snapshots, connections and compilers get warm.
  await runTask(system.client, 'cold');
  await runTask(system.client, 'warm');
  for (let round = 0; round < options.rounds; round++) {
    await untilQuiet(vms, 1);
    floor.push(await measureFloor());
    await untilQuiet(vms, 1);
    warm.push(await runTask(system.client, 'warm'));
    await untilQuiet(vms, 1);
    cold.push(await runTask(system.client, 'cold'));
  }
  return hostFacts({ ...rest, cache, home: system.home }, config);
}

/** On a VM of its own, from a home of its own. */
async function measureFloor(): Promise<number> {
  const home = homeAt(await mkdtemp(join(cache.root, 'bench-home-')));
  try {
    return await measureFloorIn(home);
  } finally {
    await rm(home.root, { recursive: true });
  }
}

async function measureFloorIn(home: Home): Promise<number> {
  const hypervisor = createHypervisor({ environment: { ...rest, cache, home }, config });
  const now = Date.now();
  const capacity = { poolMax: 1, hostMax: 1 };
  const outcome = await hypervisor.create(vmClass, capacity, deadlineFrom(now + 600_000, now), forever);
  if (outcome.kind !== 'ready') throw new Error('a new home is full');
  const { id, access } = outcome.vm;
  try {
    await untilQuiet(hypervisor, 1);
    const privateKey = await readFile(home.vm(id).sshKey, 'utf8');
    const begin = performance.now();
    await runOnce(access, privateKey, 'true');
    return performance.now() - begin;
  } finally {
    await hypervisor.destroy(id, 'measured');
  }
}

function ourPart({ total, process }: TaskTimes): number {
  return total - process;
}

function report(): void {
  const row = (what: string, values: readonly number[]) => {
    const { median, p95, min, max } = summarize(values);
    return [what, ms(median), ms(p95), ms(min), ms(max)];
  };
  const rowsOf = (tasks: readonly TaskTimes[]) => [
    row(
      'request → task.created',
      tasks.map(({ accepted }) => accepted),
    ),
    row(
      '→ vm.ready',
      tasks.map(({ queued }) => queued),
    ),
    row(
      '→ task.setup.done',
      tasks.map(({ setUp }) => setUp),
    ),
    row(
      '→ task.completed',
      tasks.map(({ completed }) => completed),
    ),
    row(
      'all',
      tasks.map(({ total }) => total),
    ),
    row(
      'the process itself',
      tasks.map(({ process }) => process),
    ),
    row('our part', tasks.map(ourPart)),
  ];
  const header = ['median', 'p95', 'min', 'max'];
  printTable('Floor', ['', ...header], [row('ssh2: connect, exec true', floor)]);
  printTable('A task on a warm VM, to which there is a connection', ['', ...header], rowsOf(warm));
  printTable('A task on a cold pool, whose runner has to connect', ['', ...header], rowsOf(cold));
  const floorMs = summarize(floor).median;
  const targets: Target[] = [
    {
      what: `our part on a warm VM, ms (0.6 × floor of ${floorMs.toFixed(0)})`,
      value: summarize(warm.map(ourPart)).median,
      limit: 0.6 * floorMs,
      kind: 'at most',
    },
  ];
  printTargets(targets);
  writeResults('task', { options, accelerator, qemuVersion, image, size, targets, floor, warm, cold });
}
