/**
 * What a clone costs, against a cold boot of the same image and against the floor: QEMU alone loading the same state
 * (`src/vm/floor.ts`). All in turns in one run, so that what else goes on hits all alike. Homes of its own in the cache.
 *
 * *Clone to running* is from the entry of `create()` until the guest goes on: slots, record, files, process, state.
 * *Clone to first command* adds a login and a command with the snapshot's keys, measured in the floor's clone, which is
 * the same guest. The identity (I12) comes after that and is told apart: in a warm VM nobody waits for it.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { hostFacts } from '@vm-task/hypervisor/drivers/qemu/host-facts';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { ensureSnapshot } from '@vm-task/hypervisor/snapshots/ensure-snapshot';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import { homeAt } from '@vm-task/shared/home';
import { readArguments } from './src/arguments.ts';
import { median, summarize } from './src/percentiles.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';
import { bootCold } from './src/vm/cold-boot.ts';
import { restoreBare } from './src/vm/floor.ts';
import { freezeFloorMachine } from './src/vm/floor-machine.ts';

const options = readArguments('Measures clones against cold boots and against bare QEMU.', {
  boots: { default: 5, about: 'rounds, with one cold boot each' },
  clones: { default: 8, about: 'clones of each kind in a round' },
});

const { cache, ...rest } = readEnvironment();
await mkdir(cache.root, { recursive: true });
const home = homeAt(await mkdtemp(join(cache.root, 'bench-home-')));
const environment = { ...rest, cache, home };
const config = parseConfig('', 'defaults');
const size = { cpus: 1, memoryMiB: 512, diskMiB: 4096 };
const forever = new AbortController().signal;
const watch = { report: ({ note }: { note: string }) => console.log(note), signal: forever };

const measured = {
  bareRunning: [] as number[],
  bareCommand: [] as number[],
  cloneRunning: [] as number[],
  cloneIdentified: [] as number[],
  destroyed: [] as number[],
  coldBoot: [] as number[],
};

try {
  await measure();
} finally {
  await rm(home.root, { recursive: true });
}
report();

async function measure(): Promise<void> {
  const image = await ensureImage({ home, cache, recipesFolder }, parseImageRef('base'), watch);
  const { accelerator, walls, qemuVersion, prober, reserveOwner } = await hostFacts(environment, config);
  const boot = { image, size, accelerator, walls, owner: prober };
  const { maxSnapshots } = config.host;
  await ensureSnapshot({ ...boot, reserveOwner, cache, qemuVersion, maxSnapshots }, watch);
  await using machine = await freezeFloorMachine(cache, boot, forever);
  const clone = cloner(image.ref);
  const measureFloor = async () => {
    const bare = await restoreBare(cache, machine, accelerator);
    measured.bareRunning.push(bare.runningMs);
    measured.bareCommand.push(bare.commandMs);
  };
  const measureClone = async () => {
    const ours = await clone();
    measured.cloneRunning.push(ours.runningMs);
    measured.cloneIdentified.push(ours.identifiedMs);
    measured.destroyed.push(ours.destroyedMs);
  };
  // Files and code get warm.
  await restoreBare(cache, machine, accelerator);
  await clone();
  for (let round = 0; round < options.boots; round++) {
    for (let turn = 0; turn < options.clones; turn++) {
      // In turns first and second: what was done just before makes a difference.
      for (const measure of turn % 2 === 0 ? [measureFloor, measureClone] : [measureClone, measureFloor])
        await measure();
    }
    measured.coldBoot.push(await bootCold(cache, boot));
  }
}

function cloner(image: { readonly name: string; readonly version: string }) {
  const hypervisor = createHypervisor({ environment, config });
  const vmClass = { driver: 'qemu', pool: 'bench', image, size, egress: 'none', allow: [] } as const;
  return async () => {
    const now = Date.now();
    const deadline = deadlineFrom(now + 600_000, now);
    const outcome = await hypervisor.create(vmClass, { poolMax: 1, hostMax: 1 }, deadline, forever);
    if (outcome.kind !== 'ready') throw new Error('the last VM was not removed');
    const state = await hypervisor.find(outcome.vm.id);
    const endingAt = performance.now();
    await hypervisor.destroy(outcome.vm.id, 'measured');
    if (state?.phase !== 'ready') throw new Error('the VM was not ready');
    return { ...state.ready.timings, destroyedMs: performance.now() - endingAt };
  };
}

function report(): void {
  const cloneCommand = measured.cloneRunning.map((running, n) => running + (measured.bareCommand[n] ?? 0));
  const series: readonly (readonly [string, readonly number[], readonly number[] | null])[] = [
    ['bare QEMU to running', measured.bareRunning, null],
    ['clone to running', measured.cloneRunning, measured.bareRunning],
    ['cold boot to first command', measured.coldBoot, null],
    ['clone to first command', cloneCommand, measured.coldBoot],
    ['clone to identity proved', measured.cloneIdentified, measured.coldBoot],
    ['destroy, verified gone', measured.destroyed, null],
  ];
  const rows = series.map(([what, values, against]) => {
    const { count, median: middle, p95, min, max } = summarize(values);
    const ratio = against === null ? '' : `${(middle / median(against)).toFixed(2)} ×`;
    return [what, String(count), ms(middle), ms(p95), ms(min), ms(max), ratio];
  });
  printTable('Clones, a cold boot and the floor', ['', 'n', 'median', 'p95', 'min', 'max', 'of the one above'], rows);
  const targets: Target[] = [
    {
      what: 'clone to running / bare QEMU',
      value: median(measured.cloneRunning) / median(measured.bareRunning),
      limit: 1.3,
      kind: 'at most',
    },
    {
      what: 'cold boot / clone, to first command',
      value: median(measured.coldBoot) / median(cloneCommand),
      limit: 8,
      kind: 'at least',
    },
  ];
  printTargets(targets);
  writeResults('vm', { options, size, targets, measured: { ...measured, cloneCommand } });
}
