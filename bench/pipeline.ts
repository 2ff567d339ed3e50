/**
 * What a hop of a pipeline costs: from a stage's terminal event to the start of the next stage's process, in a chain and
 * in a fan-out, on named VMs that are connected already and on warm clones. The floor in the same run is a bare ssh2
 * login and command on those named VMs, which are clones of the same snapshot. Also the pipeline that the system before
 * this one was validated with: the hostname of one VM, then that of another.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { lendMachines } from '@vm-task/e2e/machines';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { readArguments } from './src/arguments.ts';
import { summarize } from './src/percentiles.ts';
import { chainOf, fanOf, type Ran, runPipeline, type Stages } from './src/pipeline/hops.ts';
import { runOnce } from './src/raw-ssh.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';
import { untilQuiet } from './src/task/quiet.ts';
import { startSystem } from './src/task/system.ts';

const options = readArguments('Measures the hops of pipelines, against bare ssh2.', {
  rounds: { default: 3, about: 'rounds: the floor, then each pipeline once' },
  chain: { default: 10, about: 'stages of a chain' },
  fan: { default: 20, about: 'stages that need one' },
  warm: { default: 10, about: 'warm clones' },
});

const size = { cpus: 1, memoryMiB: 384, diskMiB: 2048 };
const names = ['left', 'right'];
/** What the old system took for the hostname on one VM, then on the other. */
const oldTotalMs = 75_000;
/** After a pipeline its last VM is released, and the machines become idle. */
const restMs = 3_000;

const floor: number[] = [];
const ran = {
  'chain, named': [] as Ran[],
  'fan, named': [] as Ran[],
  'chain, clones': [] as Ran[],
  'fan, clones': [] as Ran[],
};
const hostnames: Ran[] = [];
await measure();
report();

async function measure(): Promise<void> {
  await using machines = await lendMachines(names, size);
  const clones = { image: 'base', sizes: [size], warm: options.warm, max: options.warm + 2 };
  const settings = { defaultPool: 'clones', pools: { clones, ...machines.pools } };
  await using system = await startSystem(settings);
  await using connection = await openConnection(readBrokerAddress(system.home, 'system'), 'bench');
  const environment = { ...readEnvironment(), home: system.home };
  const vms = createHypervisor({ environment, config: parseConfig(JSON.stringify(settings), 'the benchmark') });
  const run = async (stages: Stages, oneAtATime: boolean) => {
    await untilQuiet(vms, options.warm);
    await delay(restMs);
    return runPipeline(system.client, connection, stages, oneAtATime);
  };
  const named = names.map((vm) => ({ vm }));
  const cloned = [{ pool: 'clones' }];
  const logins = Object.values(machines.pools) as (VmAccess & { readonly key: string })[];
  // Connections and compilers get warm.
  await run(chainOf(4, named), true);
  await run(chainOf(2, cloned), false);
  for (let round = 0; round < options.rounds; round++) {
    for (const login of logins) floor.push(await measureFloor(login));
    ran['chain, named'].push(await run(chainOf(options.chain, named), true));
    ran['fan, named'].push(await run(fanOf(options.fan, named), true));
    ran['chain, clones'].push(await run(chainOf(options.chain, cloned), false));
    ran['fan, clones'].push(await run(fanOf(options.fan, cloned), false));
    const [first, second] = named;
    const hostname = { command: ['hostname'] };
    hostnames.push(await run({ s0: { ...hostname, ...first }, s1: { ...hostname, ...second, needs: ['s0'] } }, true));
  }
}

async function measureFloor({ key, ...access }: VmAccess & { readonly key: string }): Promise<number> {
  const privateKey = await readFile(key, 'utf8');
  const begin = performance.now();
  await runOnce(access, privateKey, 'true');
  return performance.now() - begin;
}

function report(): void {
  const row = (what: string, values: readonly number[]) => {
    const { count, median, p95, min, max } = summarize(values);
    return [what, String(count), ms(median), ms(p95), ms(min), ms(max)];
  };
  const header = ['', 'n', 'median', 'p95', 'min', 'max'];
  const hopsOf = (runs: readonly Ran[]) => runs.flatMap(({ hopsMs }) => hopsMs);
  const kinds = Object.entries(ran);
  printTable('Hops: from the terminal event to the next process', header, [
    row('ssh2: connect, exec true', floor),
    ...kinds.map(([what, runs]) => row(what, hopsOf(runs))),
  ]);
  const totals = (runs: readonly Ran[]) => runs.map(({ totalMs }) => totalMs);
  printTable('Whole pipelines', header, [
    ...kinds.map(([what, runs]) => row(what, totals(runs))),
    row('hostname on one, then on the other', totals(hostnames)),
  ]);
  const floorMs = summarize(floor).median;
  const limit = 1.2 * floorMs + 50;
  // Stages that wait for a VM, because there are more of them than warm ones, are shown and not compared.
  const compared = kinds.filter(([what]) => what !== 'fan, clones' || options.warm >= options.fan);
  const hopTargets = compared.map(([what, runs]): Target => {
    const name = `hop in a ${what}, ms (1.2 × floor of ${floorMs.toFixed(0)} + 50)`;
    return { what: name, value: summarize(hopsOf(runs)).median, limit, kind: 'at most' };
  });
  const hostname = summarize(totals(hostnames)).median;
  const targets: Target[] = [
    ...hopTargets,
    { what: 'hostname on two VMs, ms (the old system)', value: hostname, limit: oldTotalMs, kind: 'at most' },
  ];
  printTargets(targets);
  writeResults('pipeline', { options, size, targets, floor, ran, hostnames });
}
