/** Getting a stage's task the VM that an earlier stage left: that one and no other, or the reason why it cannot be had. */
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { isOverdue } from '@vm-task/hypervisor/ledger/deadline';
import type { Claim } from '@vm-task/hypervisor/ledger/vm-record';
import type { LeftVm } from '@vm-task/shared/kept-vm';
import type { Obtained } from './obtain-vm.ts';

type Ledger = Pick<Hypervisor, 'find' | 'isAlive' | 'claimNext'>;

/** Right to do again at any time: who has claimed it already finds it his own. A fresh VM would lack what was left. */
export async function takeLeftVm(hypervisor: Ledger, left: LeftVm, claim: Claim): Promise<Obtained> {
  if (isOverdue(claim.deadline)) return { kind: 'too-late' };
  await hypervisor.claimNext(left.vm, left.task, claim);
  const state = await hypervisor.find(left.vm);
  if (state === null)
    return gone(left, 'nothing of it is left; it waits no longer than the timeouts.total of that stage');
  if (state.phase === 'ending') return gone(left, state.ended.reason);
  if (state.phase !== 'claimed' || !isSame(state.claim, claim)) return gone(left, 'it is not kept for this stage');
  if (!(await hypervisor.isAlive(left.vm))) return gone(left, 'its process has ended');
  return { kind: 'claimed', vm: { id: left.vm, access: state.ready.access, warm: true } };
}

function isSame(one: Claim, { task, attempt }: Claim): boolean {
  return one.task === task && one.attempt === attempt;
}

function gone({ vm, stage }: LeftVm, reason: string): Obtained {
  const message = `${vm}, which the stage "${stage}" left, cannot be had: ${reason}. Resume the pipeline: it runs that stage again, too`;
  return { kind: 'failed', error: { code: 'left-vm-gone', message } };
}
