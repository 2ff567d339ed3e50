/**
 * VMs that were claimed by a provisioner which died before it reported them. Their attempts' messages come back one day;
 * but the claims take the capacity without which nobody pulls those messages, so in a full pool they would wait for ever.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/bus/bus';
import type { HandlerOutcome } from '@vm-task/bus/outcome';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { Logger } from '@vm-task/service/log';
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { Head, Stored } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { TaskKey } from '@vm-task/shared/subjects';
import type { PlannedAttempt } from './provide-vm.ts';

export interface ClaimsLeft {
  readonly pool: string;
  readonly bus: Pick<Bus, 'head' | 'append'>;
  readonly hypervisor: Pick<Hypervisor, 'list'>;
  readonly findCreated: (taskKey: TaskKey) => Promise<Stored<'task.created'> | null>;
  /** What is done when an attempt's message comes: done again, it finds the attempt's own VM. */
  readonly provide: (attempt: PlannedAttempt) => Promise<HandlerOutcome>;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** Whoever lives reports his claim within milliseconds; what two looks have seen is nobody's. */
const lookEveryMs = 5_000;

/** Reports such VMs until `stop`. Right to do at once with anybody: the append is the same, and decides. */
export async function reportAbandonedClaims(left: ClaimsLeft): Promise<void> {
  const told = new Set<VmId>();
  let before = new Set<VmId>();
  while (!left.stop.aborted) {
    try {
      before = await look(left, told, before);
    } catch (error) {
      if (left.stop.aborted) return;
      left.log.warn({ err: error }, 'claims could not be looked after; trying again');
    }
    await delay(lookEveryMs, undefined, { signal: left.stop }).catch(() => undefined);
  }
}

/** The claims whose attempts have not heard of them. */
async function look(left: ClaimsLeft, told: Set<VmId>, before: ReadonlySet<VmId>): Promise<Set<VmId>> {
  const unreported = new Set<VmId>();
  for (const state of await left.hypervisor.list()) {
    const { vm, pool } = state.record;
    if (state.phase !== 'claimed' || told.has(vm) || pool !== left.pool) continue;
    const head = await left.bus.head({ pool, task: state.claim.task });
    if (head === null || !waitsFor(head, state.claim.attempt)) told.add(vm);
    else if (before.has(vm)) await tell(left, head);
    else unreported.add(vm);
  }
  return unreported;
}

type Waiting = Stored<'task.created' | 'task.retrying'>;

/** True when the attempt has no VM yet, as far as the stream knows. */
function waitsFor(head: Head, attempt: number): head is Waiting {
  return (head.type === 'task.created' || head.type === 'task.retrying') && attemptAt(head) === attempt;
}

/** What its message would have led to, and its append. */
async function tell({ bus, findCreated, provide, abort, log }: ClaimsLeft, head: Waiting): Promise<void> {
  const created = head.type === 'task.created' ? head : await findCreated(head.data);
  if (created === null) return;
  const outcome = await provide({ created, number: attemptAt(head), expectedSeq: head.seq });
  if (outcome.kind !== 'done' || outcome.event === null) return;
  const appended = await bus.append(outcome.event, head.seq, abort);
  await outcome.settle?.(appended);
  log.info({ task: head.data.task }, 'reported a VM whose provisioner had died');
}
