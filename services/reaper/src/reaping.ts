/** What the reaper does to tasks and VMs, whoever decided it: each is right to do again. */

import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor, Stray } from '@vm-task/hypervisor/hypervisor';
import { describeLeft, type Quarantine } from '@vm-task/hypervisor/ledger/quarantine';
import { type Gone, isQuarantined, releaseVm } from '@vm-task/hypervisor/release-vm';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { decideRetry } from '@vm-task/shared/decide-retry';
import { anyHost, type Draft, type EventData, type HostToken, type Stored } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { TaskKey } from '@vm-task/shared/subjects';
import { unrunEnding } from '@vm-task/shared/unrun-ending';
import type { Overdue } from './deadlines.ts';
import { decideEnding, type PoolUse } from './decide-ending.ts';
import { recordOverrun } from './measurements.ts';
import { type LiveTask, type NamedVm, vmOf } from './task-view.ts';

export interface Reaping {
  readonly bus: Pick<Bus, 'head' | 'append' | 'announce'>;
  readonly hypervisor: Hypervisor;
  readonly config: Pick<SystemConfig, 'pools' | 'drivers'>;
  readonly host: string;
  /** False for a reaper that leaves VMs to their hosts. */
  readonly hasVms: boolean;
  readonly log: Logger;
  readonly clock: BrokerClock;
  /** True when the attempt's setup steps are done, by the log itself. */
  readonly isSetUp: (key: TaskKey & { readonly attempt: number }, host: HostToken) => Promise<boolean>;
  readonly findCreated: (key: TaskKey) => Promise<Stored<'task.created'> | null>;
  /** Says that the wait before another attempt is over; false when that has been said. */
  readonly wakeRetry: (key: TaskKey, host: HostToken, retrying: number) => Promise<boolean>;
  /** The log knows nothing of the task any more. */
  readonly forget: (task: TaskId) => void;
  readonly abort: AbortSignal;
}

/** Ends a task that is out of time, unless it has moved on, and removes its VM if that is this host's. */
export async function endOverdue(reaping: Reaping, overdue: Overdue): Promise<void> {
  const { bus, log, clock, abort } = reaping;
  const { task, due } = overdue;
  const head = await bus.head(task);
  if (head === null) return reaping.forget(task.task);
  const vm = vmOf(task);
  if (due.kind === 'setup' && vm !== null && (await reaping.isSetUp(task, vm.host))) return;
  const use = due.kind === 'queue' ? await poolUse(reaping, task.pool) : notAsked;
  const ending = decideEnding(overdue, head, use, clock.nowMs());
  if (ending === null) return;
  // Nobody answered the cancelling, so nobody may go on in there when it is called over.
  if (due.kind === 'cancel') await removeNamed(reaping, vm, 'its task was cancelled');
  const appended = await bus.append(unrunEnding(ending), head.seq, abort);
  if (appended.kind === 'conflict') return;
  const lateMs = Math.round(clock.nowMs() - due.atMs);
  recordOverrun(lateMs, { kind: due.kind });
  log.info({ task: task.task, due: due.kind, lateMs }, 'ended a task that was out of time');
  await removeNamed(reaping, vm, 'its task was out of time');
}

/** Only a task that waited in vain is told how full its pool is; others need not wait for that count. */
const notAsked: PoolUse = { isNamed: false, vms: 0, max: 0 };

async function poolUse({ hypervisor, config }: Reaping, pool: string): Promise<PoolUse> {
  const states = await hypervisor.list();
  const vms = states.filter((state) => state.record.pool === pool).length;
  const known = config.pools[pool];
  const isNamed = known !== undefined && !config.drivers.get(known.driver).capabilities.clones;
  return { isNamed, vms, max: known?.max ?? 0 };
}

async function removeNamed(reaping: Reaping, vm: NamedVm | null, reason: string): Promise<void> {
  if (reaping.hasVms && vm?.host === reaping.host) await removeVm(reaping, vm.id, reason);
}

/**
 * Removes the VM and reports it, if the ledger knows it. What cannot be removed is in quarantine when this returns, and
 * holds up nobody: what is left of it has been killed, or is a file. @throws when not even that could be written down.
 */
export async function removeVm(reaping: Reaping, vm: VmId, reason: string): Promise<void> {
  const { bus, hypervisor, host, log, abort } = reaping;
  const tell = (gone: Gone) => bus.announce({ type: 'vm.gone', data: { v: 1, ...gone, host }, host }, abort);
  try {
    if (await releaseVm(hypervisor, vm, reason, tell)) log.info({ vm, reason }, 'removed a VM');
  } catch (error) {
    if (!(await isQuarantined(hypervisor, vm))) throw error;
    log.warn({ err: error, vm }, 'a VM could not be removed; it is in quarantine, and is tried again');
  }
}

/** Tells people what is left of a VM, and what to do. */
export async function reportQuarantine({ bus, abort }: Reaping, vm: VmId, { left }: Quarantine): Promise<void> {
  const what = `VM ${vm} cannot be removed, and keeps its place: ${describeLeft(left)}`;
  const text = `${what}. Repair that, and it goes by itself; ./vm-task audit tells when it is tried again`;
  await bus.announce(alertOf('vm-quarantined', vm, text), abort, { once: true });
}

/** Tells people that nobody can look after a VM. */
export async function reportUnreadable({ bus, abort }: Reaping, vm: VmId, why: string): Promise<void> {
  const text = `VM ${vm} is left alone, whatever becomes of its task: ${why}`;
  await bus.announce(alertOf('vm-unreadable', vm, text), abort, { once: true });
}

/**
 * Ends the attempt of a VM that is no more, if the log still takes that VM for the task's; then removes what is left.
 * Another attempt follows where the task's policy wants one.
 */
export async function endLost(reaping: Reaping, key: TaskKey, vm: VmId, reason: string): Promise<void> {
  const { bus, abort } = reaping;
  const head = await bus.head(key);
  if (head === null) reaping.forget(key.task);
  const named = head?.type === 'vm.ready' || head?.type === 'task.resumed' ? head : null;
  if (named?.data.vm === vm) {
    const error = { code: 'vm-lost', message: `VM ${vm} is lost: ${reason}` } as const;
    const { task, pool, attempt } = named.data;
    const ending = unrunEnding({ task, pool, attempt, vm, outcome: 'failed', error, host: named.host });
    await bus.append(await endOrRetry(reaping, ending), named.seq, abort);
  }
  await removeVm(reaping, vm, reason);
}

async function endOrRetry(
  { findCreated, isSetUp, clock }: Reaping,
  ending: Draft<'task.completed'>,
): Promise<Draft<'task.completed' | 'task.retrying'>> {
  const created = await findCreated(ending.data);
  if (created === null) return ending;
  const hasSteps = created.data.spec.setup.length > 0;
  // Nobody can say how far a runner came that is gone: what may have been started counts as started.
  const before = hasSteps ? 'setup' : 'vm';
  const phase = (await isSetUp(ending.data, ending.host)) ? 'run' : before;
  return decideRetry({ ending, phase, created, cancelling: false, nowMs: clock.nowMs() });
}

/** Says that a task's wait is over when its timer should have said so long ago. */
export async function wakeOverdueRetry({ bus, log, wakeRetry }: Reaping, task: LiveTask): Promise<boolean> {
  const head = await bus.head(task);
  if (head?.type !== 'task.retrying' || head.seq !== task.headSeq) return false;
  if (await wakeRetry(task, task.course.boundTo, head.seq))
    log.warn({ task: task.task }, 'the timer of a retry was lost; it goes on now');
  return true;
}

/** Removes what carries our mark and is known to nobody, and tells people. */
export async function removeStray(reaping: Reaping, stray: Stray): Promise<void> {
  await reaping.hypervisor.removeStray(stray);
  const where = stray.kind === 'process' ? `process ${stray.pid}` : stray.path;
  reaping.log.warn({ stray }, 'removed what nobody knew');
  await reaping.bus.announce(
    alertOf('stray-removed', stray.vm, `${where} of VM ${stray.vm} was in no ledger and has been removed`),
    reaping.abort,
  );
}

export function alertOf(kind: string, id: string, text: string): Draft<'alert.raised'> {
  const data: EventData<'alert.raised'> = { v: 1, severity: 'warning', kind, id, text };
  return { type: 'alert.raised', data, host: anyHost };
}
