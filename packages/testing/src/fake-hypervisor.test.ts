import type { CloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import { expect, test } from 'vitest';
import { createFakeHypervisor } from './fake-hypervisor.ts';
import { sampleTask } from './sample-events.ts';

const vmClass: CloneClass = {
  driver: 'qemu',
  pool: 'default',
  image: { name: 'python', version: null },
  size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
  egress: 'none',
  allow: [],
};
const deadline = { at: new Date(0).toISOString(), bootId: 'boot', uptimeMs: 1 };
const capacity = { poolMax: 2, hostMax: 3 };
const never = new AbortController().signal;

async function createOne(hypervisor: ReturnType<typeof createFakeHypervisor>, pool = 'default') {
  const outcome = await hypervisor.create({ ...vmClass, pool }, capacity, deadline, never);
  if (outcome.kind !== 'ready') throw new Error(outcome.kind === 'full' ? `full: ${outcome.limit}` : outcome.reason);
  return outcome.vm.id;
}

test('a pool takes as many VMs as it may have, and one more when one is destroyed', async () => {
  const hypervisor = createFakeHypervisor();
  const [first] = [await createOne(hypervisor), await createOne(hypervisor)];
  await expect(createOne(hypervisor)).rejects.toThrow('full: pool');
  await createOne(hypervisor, 'other');
  await expect(createOne(hypervisor, 'third')).rejects.toThrow('full: host');
  await hypervisor.end(first, 'test');
  await expect(createOne(hypervisor)).rejects.toThrow('full: host');
  await hypervisor.destroy(first, 'test');
  await createOne(hypervisor);
});

test('a VM is claimed once, and its ending remembers for whom', async () => {
  const hypervisor = createFakeHypervisor();
  const vm = await createOne(hypervisor);
  const claim = { task: sampleTask(), attempt: 1, deadline };
  expect(await hypervisor.claim(vm, claim)).toBe(true);
  expect(await hypervisor.claim(vm, claim)).toBe(false);
  expect(await hypervisor.isAlive(vm)).toBe(true);
  await hypervisor.end(vm, 'it is over');
  expect(await hypervisor.find(vm)).toMatchObject({ phase: 'ending', claim, ended: { reason: 'it is over' } });
  expect(await hypervisor.isAlive(vm)).toBe(false);
  await hypervisor.destroy(vm, 'again');
  expect(await hypervisor.list()).toEqual([]);
});

test('it fails and hangs when told to, once, and an abort ends the hanging', async () => {
  const hypervisor = createFakeHypervisor();
  hypervisor.failNext('create', new Error('no memory'));
  await expect(createOne(hypervisor)).rejects.toThrow('no memory');
  const held = hypervisor.holdNext('create');
  const creating = createOne(hypervisor);
  held.letGo();
  await creating;
  hypervisor.holdNext('prepare');
  const abort = new AbortController();
  const preparing = hypervisor.prepare(vmClass, () => undefined, abort.signal);
  abort.abort(new Error('stop'));
  await expect(preparing).rejects.toThrow('stop');
});
