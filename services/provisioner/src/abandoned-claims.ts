/**
 * VMs that were claimed by a provisioner which died before it reported them. Their attempts' messages come back one day;
 * but the claims take the capacity without which nobody pulls those messages, so in a full pool they would wait for ever.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/bus/bus';
import type { HandlerOutcome } from '@vm-task/bus/outcome';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { Logger } from '@vm-task/service/log';
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { Head, Stored } from '@vm-task/shared/events';
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

/** What one look has found, by claim: a kept VM has one claim after the other. Nothing of claims that have gone. */
export interface SeenClaims {
  /** Their attempts have heard of them, or wait no more. */
  readonly reported: ReadonlySet<string>;
  readonly unreported: ReadonlySet<string>;
}

export const noClaims: SeenClaims = { reported: new Set(), unreported: new Set() };

/** Reports such VMs until `stop`. Right to do at once with anybody: the append is the same, and decides. */
export async function reportAbandonedClaims(left: ClaimsLeft): Promise<void> {
  let before = noClaims;
  while (!left.stop.aborted) {
    try {
      before = await lookAtClaims(left, before);
    } catch (error) {
      if (left.stop.aborted) return;
      left.log.warn({ err: error }, 'claims could not be looked after; trying again');
    }
    await delay(lookEveryMs, undefined, { signal: left.stop }).catch(() => undefined);
  }
}

type Claimed = Extract<VmState, { readonly phase: 'claimed' }>;

/** Reports the claims that the look before has seen unreported, and that still are. One that fails holds up no other. */
export async function lookAtClaims(left: ClaimsLeft, before: SeenClaims): Promise<SeenClaims> {
  const reported = new Set<string>();
  const unreported = new Set<string>();
  for (const state of await left.hypervisor.list()) {
    if (state.phase !== 'claimed' || state.record.pool !== left.pool) continue;
    const key = claimKey(state);
    try {
      const isReported = before.reported.has(key) || (await lookAt(left, state, before.unreported.has(key)));
      (isReported ? reported : unreported).add(key);
    } catch (error) {
      if (left.stop.aborted) throw error;
      left.log.warn({ err: error, vm: state.record.vm }, 'a claim could not be reported; trying again');
      unreported.add(key);
    }
  }
  return { reported, unreported };
}

function claimKey({ record, claim }: Claimed): string {
  return `${record.vm}/${claim.task}/${claim.attempt}`;
}

/** True when the claim's attempt waits for it no more. */
async function lookAt(left: ClaimsLeft, { record, claim }: Claimed, isAbandoned: boolean): Promise<boolean> {
  const head = await left.bus.head({ pool: record.pool, task: claim.task });
  if (head === null || !waitsFor(head, claim.attempt)) return true;
  if (isAbandoned) await tell(left, head);
  return false;
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
