/**
 * The ledger's own deadlines (I7): judged by the host's uptime and enforced without the broker. A VM that worked for a
 * task keeps its folder, so that its end can be told when the broker is back; the sweep does that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type HostClock, hostClock, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import { isResting } from '@vm-task/hypervisor/ledger/quarantine';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf, deadlineOf } from '@vm-task/hypervisor/release-vm';
import type { Logger } from '@vm-task/shared/log';
import { Chores } from './chores.ts';
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
  const chores = new Chores({ log, stop, alert: async () => undefined });
  while (!stop.aborted) {
    let pauseMs = sweepMs;
    try {
      const states = await hypervisor.list();
      const clock = hostClock();
      for (const state of overdueFirst(states, clock)) {
        chores.start({ id: state.record.vm, what: 'ending an overdue VM' }, () => endVm(hypervisor, state, log));
      }
      pauseMs = untilNext(states, clock, sweepMs);
    } catch (error) {
      log.error({ err: error }, 'the ledger cannot be read; its deadlines are not enforced');
    }
    await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
  }
  await chores.ended();
}

/** Those past their deadline, the one that waits longest first. */
export function overdueFirst(states: readonly VmState[], clock: HostClock): VmState[] {
  const left = (state: VmState) => remainingMs(deadlineOf(state), clock);
  return states.filter((state) => left(state) <= 0).sort((a, b) => left(a) - left(b));
}

/** Until the first deadline that is still to come, and no longer than the sweep. */
export function untilNext(states: readonly VmState[], clock: HostClock, sweepMs: number): number {
  const coming = states.map((state) => remainingMs(deadlineOf(state), clock)).filter((ms) => ms > 0);
  return Math.min(sweepMs, ...coming);
}

async function endVm(hypervisor: Hypervisor, state: VmState, log: Logger): Promise<void> {
  const { vm } = state.record;
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
