/**
 * A burst: many tasks at once on a pool with room for a few, against the floor in the same run, a script that does the
 * same with bare QEMU and bare ssh2 (`src/burst/floor.ts`); and how soon a clone has an identity of its own (I12).
 * In turns, so that what else goes on hits all alike. At last, what connections to warm VMs cost while nothing goes on.
 */
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { hostFacts } from '@vm-task/hypervisor/drivers/qemu/host-facts';
import { ensureImage } from '@vm-task/hypervisor/images/ensure-image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import { readArguments } from './src/arguments.ts';
import { type Burst, burstBare } from './src/burst/floor.ts';
import { type CloneTimes, makeClone } from './src/burst/identity.ts';
import { idleRunner } from './src/burst/idle.ts';
import { printBursts, printClones, printIdle, targetsOf } from './src/burst/print.ts';
import { burstConfig, burstThroughSystem, type SystemBurst } from './src/burst/system.ts';
import { printTargets, writeResults } from './src/report.ts';
import { startSystem } from './src/task/system.ts';
import { freezeFloorMachine } from './src/vm/floor-machine.ts';

const options = readArguments('Measures many tasks at once, against a script around bare QEMU.', {
  rounds: { default: 5, about: 'rounds: a burst of each kind, and clones one after the other' },
  tasks: { default: 20, about: 'tasks of a burst' },
  max: { default: 4, about: 'VMs at once' },
  clones: { default: 4, about: 'clones in a round' },
  idle: { default: 16, about: 'warm VMs whose connections are weighed' },
});

const image = 'base';
const { cache, ...rest } = readEnvironment();
const settings = burstConfig(image, options.max);
const config = parseConfig(JSON.stringify(settings), 'the benchmark');
const size = { cpus: 1, memoryMiB: 512, diskMiB: 4_096 };
const forever = new AbortController().signal;
const watch = { report: ({ note }: { note: string }) => console.log(note), signal: forever };

const floor: Burst[] = [];
const ours: SystemBurst[] = [];
const clones: CloneTimes[] = [];
await measure();
// Without connections and with them, from a system's start to the same age.
const idle = [await idleRunner(image, 0), await idleRunner(image, options.idle)] as const;
printBursts(options, floor, ours);
printClones(clones);
printIdle(options.idle, idle);
const measured = { floor, ours, clones, idle };
const targets = targetsOf(options.idle, measured);
printTargets(targets);
writeResults('burst', { options, image, targets, ...measured });

async function measure(): Promise<void> {
  await using system = await startSystem(settings);
  const { home } = system;
  const environment = { ...rest, cache, home };
  const vms = createHypervisor({ environment, config });
  const bare = await ensureImage({ home, cache, recipesFolder }, parseImageRef(image), watch);
  const { accelerator, walls, prober } = await hostFacts(environment, config);
  const boot = { image: bare, size, accelerator, walls, owner: prober };
  await using machine = await freezeFloorMachine(cache, boot, forever);
  const measures = [
    async () =>
      void floor.push(await burstBare(cache, machine, accelerator, { tasks: options.tasks, atOnce: options.max })),
    async () => void ours.push(await burstThroughSystem(system, vms, options.tasks)),
  ];
  // Files, snapshots and compilers get warm.
  for (const warmUp of measures) await warmUp();
  floor.length = 0;
  ours.length = 0;
  for (let round = 0; round < options.rounds; round++) {
    // In turns first and second: what was done just before makes a difference.
    for (const one of round % 2 === 0 ? measures : measures.toReversed()) await one();
    for (let n = 0; n < options.clones; n++) clones.push(await makeClone(vms, image, size));
    console.log(`round ${round + 1} of ${options.rounds}`);
  }
}
