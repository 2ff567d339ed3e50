/**
 * The ledger's own deadlines (I7): decided by the host's uptime and enforced without the broker. A VM that worked for a
 * task keeps its folder, so that its end can be told when the broker is back; the sweep does that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type HostClock, hostClock, isOverdue, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import { isResting } from '@vm-task/hypervisor/ledger/quarantine';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf, deadlineOf } from '@vm-task/hypervisor/release-vm';
import type { Logger } from '@vm-task/service/log';
import type { VmId } from '@vm-task/shared/ids';
import { BackgroundQueue } from './background-queue.ts';
import { recordOverrun } from './measurements.ts';

export interface LedgerDeadlines {
  readonly hypervisor: Hypervisor;
  readonly sweepMs: number;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

const reason = 'its deadline has passed';

/** Works until `stop`. */
export async function enforceLedgerDeadlines({ hypervisor, sweepMs, log, stop }: LedgerDeadlines): Promise<void> {
  // The sweep alerts: it meets the same VM once there is a broker to tell.
  const background = new BackgroundQueue({ log, stop, alert: async () => undefined });
  let states: readonly VmState[] = [];
  let nextLook = performance.now();
  while (!stop.aborted) {
    if (performance.now() >= nextLook) {
      nextLook = performance.now() + sweepMs;
      states = await hypervisor.list().catch((error) => {
        log.error({ err: error }, 'the ledger cannot be read; its deadlines are enforced as far as they are known');
        return states;
      });
    }
    const clock = hostClock();
    const overdue = overdueFirst(states, clock);
    for (const { record } of overdue) {
      background.start({ id: record.vm, what: 'ending an overdue VM' }, () => endVm(hypervisor, record.vm, log));
    }
    states = states.filter((state) => !overdue.includes(state));
    const pauseMs = Math.max(0, untilNext(states, clock, nextLook - performance.now()));
    await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
  }
  await background.ended();
}

/** Those past their deadline, the one that waits longest first. */
export function overdueFirst(states: readonly VmState[], clock: HostClock): VmState[] {
  const left = (state: VmState) => remainingMs(deadlineOf(state), clock);
  return states.filter((state) => left(state) <= 0).sort((a, b) => left(a) - left(b));
}

/** Until the first deadline that is still to come, and no longer than until the next look. */
export function untilNext(states: readonly VmState[], clock: HostClock, lookMs: number): number {
  const coming = states.map((state) => remainingMs(deadlineOf(state), clock)).filter((ms) => ms > 0);
  return Math.min(lookMs, ...coming);
}

/** By what the folder says now: since the last look it may have got another deadline with a claim, or gone. */
async function endVm(hypervisor: Hypervisor, vm: VmId, log: Logger): Promise<void> {
  const state = await hypervisor.find(vm);
  if (state === null || !isOverdue(deadlineOf(state))) return;
  if (state.phase === 'ending' && (isResting(state.quarantine) || !(await hypervisor.isAlive(vm)))) return;
  const deadline = deadlineOf(state);
  log.info({ vm, deadline: deadline.at }, 'ending a VM that is past its deadline');
  if (claimOf(state) === null) await hypervisor.destroy(vm, reason);
  else await hypervisor.end(vm, reason);
  const lateMs = -remainingMs(deadline);
  // Of another boot nobody knows how long ago that was.
  if (Number.isFinite(lateMs)) recordOverrun(lateMs, { kind: 'vm' });
  log.warn({ vm, lateMs }, 'ended a VM that was past its deadline');
}
