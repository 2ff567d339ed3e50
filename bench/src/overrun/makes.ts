/** VMs with a deadline, as the reaper learns of it: from the VM's own folder, or from its task's events. */

import { openBrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { Draft, Stored } from '@vm-task/shared/events';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import type { LedgerVm, LedgerVms } from '@vm-task/testing/ledger-vms';
import { created, sampleSpec, sampleTask, vmReady } from '@vm-task/testing/sample-events';

export interface Makes extends AsyncDisposable {
  /** So long after it was made overdue, one is overdue for the reaper. */
  readonly patienceMs: number;
  /** A VM whose deadline comes in so long; `dueAt` is that moment by `performance.now()`. */
  make(lifeMs: number): Promise<{ readonly vm: LedgerVm; readonly dueAt: number }>;
}

export async function withoutBroker(lent: LedgerVms): Promise<Makes> {
  return {
    patienceMs: 0,
    async make(lifeMs) {
      const dueAt = performance.now() + lifeMs;
      return { vm: await lent.make({ task: sampleTask(), deadline: deadlineFrom(lifeMs, 0) }), dueAt };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** As the provisioner has it: the VM's own deadline is a while behind that of its task. */
const graceMs = 30_000;
/** What a runner has to stop a task at its limit, with the configuration that a home has by itself. */
const patienceMs = runnerPatienceMs({ cancel: { grace: 10_000 } });

export async function withBroker(lent: LedgerVms, bus: Bus): Promise<Makes> {
  const done = new AbortController();
  const clock = await openBrokerClock(() => bus.now(), done.signal);
  const host = readHostId(lent.home);
  const store = async (draft: Draft, expectedSeq: number): Promise<Stored> => {
    const appended = await bus.append(draft, expectedSeq, done.signal);
    if (appended.kind === 'stored') return appended.event;
    throw new Error('conflict');
  };
  return {
    patienceMs,
    async make(lifeMs) {
      const task = sampleTask();
      const totalMs = Math.round(lifeMs);
      const spec = { ...sampleSpec, timeouts: { ...sampleSpec.timeouts, totalMs } };
      const vm = await lent.make({ task, lifeMs: lifeMs + patienceMs + graceMs });
      const { seq, time } = await store(created(task, { spec }), 0);
      await store(vmReady(task, { vm: vm.vm }, host), seq);
      return { vm, dueAt: performance.now() + time.getTime() + totalMs + patienceMs - clock.nowMs() };
    },
    async [Symbol.asyncDispose]() {
      done.abort(new Error('measured'));
    },
  };
}
