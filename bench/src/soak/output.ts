/** More output than anybody may keep: it is read to its end, cut and counted, and no service holds it. */
import { makeOwnSystem, type OwnSystem } from '@vm-task/chaos/own-system';
import type { Target } from '../report.ts';
import type { Part, Watch } from './part.ts';
import { residentsOf, watchMemory } from './residents.ts';

const GiB = 1024 ** 3;
const limitMiB = 200;
const keptBytes = 4 * 1024 * 1024;
const exitCode = 7;
/** Without hardware virtualisation a guest on a busy machine may take that long. */
const runLimit = '60m';
/**
 * Bytes through the supervisor and the runner are the point, and a guest without hardware virtualisation makes them far
 * more slowly than it reads them: so it makes them once, and writes them again and again.
 */
const blockBytes = 16 * 1024 ** 2;

const config = {
  pools: { default: { image: 'base', sizes: [{ cpus: 1, memoryMiB: 384, diskMiB: 2_048 }], max: 1, warm: 1 } },
};

interface Flood {
  readonly name: string;
  readonly bytes: number;
  readonly run: string;
}

export async function soakOutput(gib: number, watch: Watch): Promise<Part> {
  const floods: Flood[] = [
    { name: 'one line of 1 GiB', ...repeated(GiB, "tr '\\0' x < /dev/zero") },
    { name: `${gib} GiB of lines`, ...repeated(gib * GiB, 'yes') },
  ];
  const system = await makeOwnSystem('soak', config);
  try {
    await system.up();
    const targets: Target[] = [];
    const rows: string[][] = [];
    for (const flood of floods) {
      const { seconds, ending, peaks } = await runFlood(system, flood, watch);
      rows.push([flood.name, `${seconds} s`, ...[...peaks.values()].map((mib) => mib.toFixed(0))]);
      targets.push(...targetsOf(flood, ending, peaks));
    }
    const names = residentsOf(system.home).map(({ name }) => name);
    return { title: 'Output: most resident MiB', header: ['', 'took', ...names], rows, targets };
  } finally {
    await system.down();
    await system.remove();
  }
}

/** A script that writes so much of what the command writes without end, and fails then. */
function repeated(bytes: number, endless: string): Omit<Flood, 'name'> {
  const block = '/dev/shm/block';
  const run = `${endless} | head -c ${blockBytes} > ${block}
    for n in $(seq ${bytes / blockBytes}); do cat ${block}; done
    exit ${exitCode}`;
  return { bytes, run };
}

interface Ending {
  readonly exitCode: number | null;
  readonly output: { readonly stdout: { readonly seenBytes: number; readonly storedBytes: number } } | null;
}

async function runFlood({ home, client }: OwnSystem, { name, run }: Flood, { tell, signal }: Watch) {
  using memory = watchMemory(residentsOf(home));
  const begin = performance.now();
  const seconds = () => Math.round((performance.now() - begin) / 1_000);
  const progress = setInterval(() => tell(`  ${name}: ${seconds()} s, ${shown(memory.peaks)}`), 10_000);
  try {
    const timeouts = { run: runLimit };
    const id = await client.tasks.submit({ run, timeouts });
    let ending: Ending = { exitCode: null, output: null };
    for await (const { type, data } of client.tasks.followEvents(id, signal)) {
      if (type === 'task.completed') ending = data as unknown as Ending;
    }
    return { seconds: seconds(), ending, peaks: memory.peaks };
  } finally {
    clearInterval(progress);
  }
}

function shown(peaks: ReadonlyMap<string, number>): string {
  return [...peaks].map(([name, mib]) => `${name} ${mib.toFixed(0)} MiB`).join(', ');
}

function targetsOf({ name, bytes }: Flood, ending: Ending, peaks: ReadonlyMap<string, number>): Target[] {
  const exactly = (what: string, value: number, limit: number): Target[] => [
    { what: `${name}: ${what}`, value, limit, kind: 'at most' },
    { what: `${name}: ${what}`, value, limit, kind: 'at least' },
  ];
  return [
    ...[...peaks].map(
      ([service, mib]): Target => ({ what: `${name}: ${service}, MiB`, value: mib, limit: limitMiB, kind: 'at most' }),
    ),
    ...exactly('exit code', ending.exitCode ?? -1, exitCode),
    ...exactly('bytes seen', ending.output?.stdout.seenBytes ?? -1, bytes),
    ...exactly('bytes kept', ending.output?.stdout.storedBytes ?? -1, keptBytes),
  ];
}
