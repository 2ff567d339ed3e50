/** A VM made, used and removed, again and again: what is there when all is idle stays the same. */
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { processesOf } from '@vm-task/chaos/own-processes';
import { makeOwnSystem, type OwnSystem } from '@vm-task/chaos/own-system';
import type { Client } from '@vm-task/client/client';
import { eventually } from '@vm-task/testing/conditions';
import type { Target } from '../report.ts';
import { type DiskUse, diskUseOf } from './disk.ts';
import type { Part, Watch } from './part.ts';
import { type Holdings, holdingsOf, residentsOf } from './residents.ts';

const warm = 1;
/** As many as two processors can feed. */
const atOnce = 2;
const config = {
  pools: {
    default: { image: 'base', sizes: [{ cpus: 1, memoryMiB: 384, diskMiB: 2_048 }], max: warm + atOnce, warm },
  },
};

/** Compilers, connections and files are warm by then, so that what still grows is growth. */
const firstSampleAfter = 50;
const sampleEvery = 50;
const tellEvery = 10;

/** Two keep-alive connections of whoever asks, and what a look of the sweep has open. */
const moreFiles = 6;
/** What a heap of Node may swing by between two collections. */
const moreMemoryMiB = 64;
/** A page here and there of files that are written in place. */
const moreDiskMiB = 1;
/** Seven events, their index and their row: they are kept for 30 days on purpose. */
const recordsKiBPerTask = 64;

interface Sample {
  readonly cycles: number;
  readonly processes: number;
  readonly holdings: ReadonlyMap<string, Holdings>;
  readonly disk: DiskUse;
}

export async function soakCycles(cycles: number, watch: Watch): Promise<Part> {
  const system = await makeOwnSystem('soak', config);
  try {
    await system.up();
    return partOf(await sampleCycles(system, cycles, watch), cycles);
  } finally {
    await system.down();
    await system.remove();
  }
}

async function sampleCycles(system: OwnSystem, cycles: number, { tell, signal }: Watch): Promise<Sample[]> {
  const samples: Sample[] = [];
  const startedAt = performance.now();
  const first = Math.min(firstSampleAfter, Math.ceil(cycles / 2));
  for (let done = 0; done < cycles; ) {
    const next = Math.min(cycles, done < first ? first : done + sampleEvery);
    const begin = done;
    await runTasks(system.client, next - begin, signal, (over) => {
      if (over % tellEvery === 0) tell(`  ${begin + over} of ${cycles} cycles, ${seconds(startedAt)}`);
    });
    done = next;
    await untilIdle(system);
    samples.push(sampleOf(system, done));
    tell(`  ${done} of ${cycles} cycles, ${seconds(startedAt)}, sampled`);
  }
  return samples;
}

async function runTasks(
  client: Client,
  count: number,
  signal: AbortSignal,
  onEnd: (over: number) => void,
): Promise<void> {
  let left = count;
  let over = 0;
  const worker = async () => {
    while (left-- > 0) {
      await runTask(client, signal);
      over += 1;
      onEnd(over);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const taskLimitMs = 15 * 60_000;

async function runTask(client: Client, signal: AbortSignal): Promise<void> {
  const id = await client.tasks.submit({ run: 'echo $((6 * 7))' });
  for await (const { type, data } of client.tasks.followEvents(
    id,
    AbortSignal.any([signal, AbortSignal.timeout(taskLimitMs)]),
  )) {
    if (type === 'task.completed' && data['outcome'] !== 'succeeded') throw new Error(`${id}: ${JSON.stringify(data)}`);
  }
}

/** The warm VMs are there, and nothing else is. */
async function untilIdle({ home }: OwnSystem): Promise<void> {
  const isIdle = () => {
    const folders = readdirSync(home.vms, { withFileTypes: true }).map((folder: Dirent) => join(home.vms, folder.name));
    const areReady = folders.every((folder) => {
      const names = readdirSync(folder);
      return names.includes('ready.json') && !names.includes('claim.json');
    });
    return folders.length === warm && areReady;
  };
  await eventually(isIdle, { what: 'only warm VMs are left', limitMs: 300_000 });
}

function sampleOf({ home }: OwnSystem, cycles: number): Sample {
  const holdings = new Map(residentsOf(home).map((resident) => [resident.name, holdingsOf(resident)]));
  return { cycles, processes: processesOf(home).length, holdings, disk: diskUseOf(home) };
}

function partOf(samples: readonly Sample[], cycles: number): Part {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there were no cycles');
  const rows = [...last.holdings].map(([name, now]) => {
    const before = first.holdings.get(name) ?? now;
    const change = (of: (holdings: Holdings) => number) => `${of(before).toFixed(0)} → ${of(now).toFixed(0)}`;
    return [name, change((h) => h.memoryMiB), change((h) => h.files), change((h) => h.ports)];
  });
  return {
    title: `${cycles} cycles: after ${first.cycles} → after ${last.cycles}`,
    header: ['', 'resident MiB', 'open files', 'ports'],
    rows,
    targets: targetsOf(first, last),
  };
}

function targetsOf(first: Sample, last: Sample): Target[] {
  const atMost = (what: string, value: number, limit: number): Target => ({ what, value, limit, kind: 'at most' });
  const perService = [...last.holdings].flatMap(([name, now]) => {
    const before = first.holdings.get(name) ?? now;
    return [
      atMost(`${name}: resident MiB`, now.memoryMiB, before.memoryMiB + moreMemoryMiB),
      atMost(`${name}: open files`, now.files, before.files + moreFiles),
      atMost(`${name}: ports`, now.ports, before.ports),
    ];
  });
  const recordsKiB = ((last.disk.recordsMiB - first.disk.recordsMiB) * 1024) / Math.max(1, last.cycles - first.cycles);
  return [
    atMost('processes of the home', last.processes, first.processes),
    ...perService,
    atMost('disk but for records, MiB', last.disk.restMiB, first.disk.restMiB + moreDiskMiB),
    atMost('records of a task, KiB', recordsKiB, recordsKiBPerTask),
  ];
}

function seconds(startedAt: number): string {
  return `${Math.round((performance.now() - startedAt) / 1_000)} s`;
}
