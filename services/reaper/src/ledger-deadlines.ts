/**
 * The ledger's own deadlines (I7): judged by the host's uptime and enforced without the broker. A VM that worked for a
 * task keeps its folder, so that its end can be told when the broker is back; the sweep does that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, type HostClock, hostClock, isOverdue, remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf } from '@vm-task/hypervisor/release-vm';
import type { Logger } from '@vm-task/shared/log';
import { Chores } from './chores.ts';

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
      for (const state of states.filter((one) => isOverdue(deadlineOf(one), clock))) {
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

/** A claim's deadline replaces that of the warm VM. */
export function deadlineOf(state: VmState): Deadline {
  return claimOf(state)?.deadline ?? state.record.deadline;
}

/** Until the first deadline that is still to come, and no longer than the sweep. */
export function untilNext(states: readonly VmState[], clock: HostClock, sweepMs: number): number {
  const coming = states.map((state) => remainingMs(deadlineOf(state), clock)).filter((ms) => ms > 0);
  return Math.min(sweepMs, ...coming);
}

async function endVm(hypervisor: Hypervisor, state: VmState, log: Logger): Promise<void> {
  const { vm } = state.record;
  if (state.phase === 'ending' && !(await hypervisor.isAlive(vm))) return;
  log.warn({ vm, deadline: deadlineOf(state).at }, 'ending a VM that is past its deadline');
  if (claimOf(state) === null) await hypervisor.destroy(vm, reason);
  else await hypervisor.end(vm, reason);
}
