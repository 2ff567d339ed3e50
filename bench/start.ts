/**
 * What a command costs before it does anything, against Node that does nothing, in the same run: `./vm-task --help` and
 * `./vm-task list`, launcher included; and the memory that four idle services have for themselves.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeOwnSystem } from '@vm-task/chaos/own-system';
import { repositoryRoot } from '@vm-task/embedded/repository';
import { readState } from '@vm-task/embedded/state';
import { childEnvironment } from '@vm-task/shared/environment';
import type { Home } from '@vm-task/shared/home';
import { disposedAtSignal } from '@vm-task/testing/dispose-at-signal';
import { readArguments } from './src/arguments.ts';
import { summarize } from './src/percentiles.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';

const options = readArguments('Measures how fast commands start, and the memory of idle services.', {
  rounds: { default: 30, about: 'rounds: Node alone, then each command once' },
  settle: { default: 20, about: 'seconds until the services are idle' },
});

const launcher = join(repositoryRoot, 'vm-task');
const commands = { node: [process.execPath, '-e', '0'], help: [launcher, '--help'], list: [launcher, 'list'] } as const;
type What = keyof typeof commands;

const took: Record<What, number[]> = { node: [], help: [], list: [] };
let memoryMiB = 0;

await measure();
report();

async function measure(): Promise<void> {
  const own = await makeOwnSystem('start', { pools: { default: { max: 1, warm: 0 } } });
  const dispose = async () => {
    await own.down();
    await own.remove();
  };
  await using _system = disposedAtSignal({ [Symbol.asyncDispose]: dispose });
  await own.up();
  // Compiled code is kept from the first time on.
  for (const what of Object.keys(commands) as What[]) time(what, own.home);
  for (let round = 0; round < options.rounds; round++) {
    for (const what of Object.keys(commands) as What[]) took[what].push(time(what, own.home));
  }
  await delay(options.settle * 1_000);
  memoryMiB = servicesMiB(own.home);
}

function time(what: What, home: Home): number {
  const [program, ...args] = commands[what];
  const env = childEnvironment({ VM_TASK_HOME: home.root });
  const begin = performance.now();
  const { status, stderr } = spawnSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const elapsed = performance.now() - begin;
  if (status !== 0) throw new Error(`${what} ended with ${status}: ${stderr}`);
  return elapsed;
}

/** Memory that would be free if they were not there. */
function servicesMiB(home: Home): number {
  const pids = readState(home)?.services.map(({ pid }) => pid) ?? [];
  const private_ = pids.map((pid) => {
    const lines = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').matchAll(/^Private_\w+:\s+(\d+) kB$/gm);
    return [...lines].reduce((sum, [, kibibytes]) => sum + Number(kibibytes), 0);
  });
  return private_.reduce((sum, kibibytes) => sum + kibibytes, 0) / 1024;
}

function report(): void {
  const rows = Object.entries(took).map(([what, values]) => {
    const { count, median, p95, min, max } = summarize(values);
    return [what, String(count), ms(median), ms(p95), ms(min), ms(max)];
  });
  printTable('Start and end of a command', ['', 'n', 'median', 'p95', 'min', 'max'], rows);
  const ratio = (what: What) => summarize(took[what]).median / summarize(took.node).median;
  const targets: Target[] = [
    { what: './vm-task --help, × node -e 0', value: ratio('help'), limit: 2.5, kind: 'at most' },
    { what: './vm-task list, × node -e 0', value: ratio('list'), limit: 4, kind: 'at most' },
    { what: 'private memory of four idle services, MiB', value: memoryMiB, limit: 160, kind: 'at most' },
  ];
  printTargets(targets);
  writeResults('start', { options, targets, took });
}
