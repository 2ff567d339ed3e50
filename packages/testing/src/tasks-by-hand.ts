/** Tasks and VMs by hand, for the tests of one service: what the other services would have stored, made and left. */
import type { Bus } from '@vm-task/bus/bus';
import type { CloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { Deadline } from '@vm-task/hypervisor/ledger/deadline';
import type { Claim } from '@vm-task/hypervisor/ledger/vm-record';
import type { Draft, EventData, Stored } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { fakeImage } from './fake-hypervisor.ts';
import { created, sampleSpec, sampleTask } from './sample-events.ts';

/** Aborted by nobody. */
export const never = new AbortController().signal;

/** @throws when the last event of the task is another one than `expectedSeq` */
export async function storeEvent(bus: Bus, draft: Draft, expectedSeq = 0): Promise<Stored> {
  const appended = await bus.append(draft, expectedSeq, never);
  if (appended.kind === 'stored') return appended.event;
  throw new Error('conflict');
}

/** A task that somebody has submitted. */
export async function createTask(
  bus: Bus,
  changes?: Partial<EventData<'task.created'>>,
): Promise<{ task: TaskId; seq: number; time: Date }> {
  const task = sampleTask();
  const { seq, time } = await storeEvent(bus, created(task, changes));
  return { task, seq, time };
}

/** What an ordinary task wants of the pool `default`. */
export const vmClass: CloneClass = {
  driver: 'qemu',
  pool: 'default',
  image: fakeImage.ref,
  size: sampleSpec.size,
  egress: 'none',
  allow: [],
};

/** A VM that some provisioner made and left warm. */
export async function leaveWarmVm(
  hypervisor: Hypervisor,
  deadline: Deadline,
  changes: Partial<CloneClass> = {},
): Promise<VmId> {
  const capacity = { poolMax: 4, hostMax: 16 };
  const outcome = await hypervisor.create({ ...vmClass, ...changes }, capacity, deadline, never);
  if (outcome.kind === 'ready') return outcome.vm.id;
  throw new Error(outcome.kind);
}

/** A VM that some provisioner claimed for the task, whatever the log says. */
export async function leaveClaimedVm(hypervisor: Hypervisor, claim: Claim): Promise<VmId> {
  const vm = await leaveWarmVm(hypervisor, claim.deadline);
  await hypervisor.claim(vm, claim);
  return vm;
}
