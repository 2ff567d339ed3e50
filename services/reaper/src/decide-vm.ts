/** What is to become of a VM that the ledger knows (I6): decided from what the ledger, the host and the log say of it. */
import type { Missing } from '@vm-task/hypervisor/hypervisor';
import type { Claim, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { attemptAt, vmNamedBy } from '@vm-task/shared/attempt-at';
import { type Head, isTaskEnd } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';

/** What the log says of the attempt that claimed a VM. */
export type ClaimStatus =
  /** Its task goes on, and names no VM, or this one. */
  | 'live'
  /** Live, and it has another VM. */
  | 'elsewhere'
  /** Over, and a later stage of its pipeline is still to run in the VM. */
  | 'kept'
  | 'over';

export function claimStatusOf(claim: Claim, vm: VmId, head: Head | null): ClaimStatus {
  if (head === null || isTaskEnd(head) || attemptAt(head) > claim.attempt) return 'over';
  const named = vmNamedBy(head)?.id ?? vm;
  return named === vm ? 'live' : 'elsewhere';
}

export interface VmFacts {
  readonly state: VmState;
  readonly missing: readonly Missing[];
  /** In quarantine, and its next try is still to come. */
  readonly isResting: boolean;
  readonly isCreatorAlive: boolean;
  /** Null for a VM that works for nobody. */
  readonly claimStatus: ClaimStatus | null;
}

export interface Patience {
  /** One sweep: what another process is just about to do. */
  readonly sweepMs: number;
  /** What may be a misunderstanding. */
  readonly orphanGraceMs: number;
}

export type VmDecision =
  | { readonly kind: 'keep' }
  /** To be acted upon when it has held for `afterMs`. */
  | { readonly kind: 'remove'; readonly reason: string; readonly afterMs: number }
  /** Its task's runner should have noticed, and has not: the task ends, then the VM goes. */
  | { readonly kind: 'lost'; readonly reason: string; readonly afterMs: number };

const keep: VmDecision = { kind: 'keep' };

export function decideVm(facts: VmFacts, { sweepMs, orphanGraceMs }: Patience): VmDecision {
  const { state, claimStatus, missing, isResting, isCreatorAlive } = facts;
  // A VM that lacks a part cannot be trusted with a task: its slot, say, gives its uid to another one.
  const [lack] = missing;
  const remove = (reason: string, afterMs: number): VmDecision => ({ kind: 'remove', reason, afterMs });
  const lost = (reason: string): VmDecision => ({ kind: 'lost', reason, afterMs: orphanGraceMs });
  switch (state.phase) {
    case 'creating':
      return isCreatorAlive ? keep : remove('whoever was making it has died', 0);
    case 'ready':
      return lack === undefined ? keep : remove(lack.why, orphanGraceMs);
    case 'claimed':
      if (claimStatus === 'over') return remove('its task is over', sweepMs);
      if (claimStatus === 'elsewhere') return remove('its task has another VM', orphanGraceMs);
      return lack === undefined ? keep : lost(lack.why);
    case 'ending':
      if (claimStatus === 'live') return lost(state.ended.reason);
      return isResting ? keep : remove(state.ended.reason, orphanGraceMs);
  }
}
