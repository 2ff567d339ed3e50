/** VMs as a ledger shows them, for tests that decide on some; each may be altered where it matters. */
import type { CloneRecord } from '@vm-task/hypervisor/drivers/qemu/record';
import { deadlineFrom, thisMoment } from '@vm-task/hypervisor/ledger/deadline';
import { thisProcess } from '@vm-task/hypervisor/ledger/process-ref';
import type { Claim, Ready, VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { sampleSpec, sampleTask, sampleVm } from './sample-events.ts';

type InPhase<P extends VmState['phase']> = VmState & { readonly phase: P; readonly record: CloneRecord };

const hourMs = 3_600_000;

function record(changes: Partial<CloneRecord>): CloneRecord {
  const now = Date.now();
  return {
    version: 1,
    driver: 'qemu',
    vm: sampleVm(),
    pool: 'default',
    image: { name: 'python', version: '3.2.0' },
    snapshot: 'snapshot-1',
    size: sampleSpec.size,
    egress: 'none',
    allow: [],
    resources: ['slots', 'files', 'process', 'port'],
    slots: { pool: 0, host: 0 },
    uid: null,
    port: 2222,
    createdAt: new Date(now).toISOString(),
    deadline: deadlineFrom(now + hourMs, now),
    creator: thisProcess(),
    process: null,
    ...changes,
  };
}

function ready(changes: Partial<Ready> = {}): Ready {
  return {
    access: { host: '127.0.0.1', port: 2222, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
    since: thisMoment(),
    timings: { runningMs: 75, identifiedMs: 900 },
    ...changes,
  };
}

export function creatingVm(changes: Partial<CloneRecord> = {}): InPhase<'creating'> {
  return { phase: 'creating', record: record(changes) };
}

export function warmVm(changes: Partial<CloneRecord> = {}, readyChanges: Partial<Ready> = {}): InPhase<'ready'> {
  return { phase: 'ready', record: record(changes), ready: ready(readyChanges) };
}

export function claimedVm(claim: Partial<Claim> = {}, changes: Partial<CloneRecord> = {}): InPhase<'claimed'> {
  const now = Date.now();
  const whole = { task: sampleTask(), attempt: 1, deadline: deadlineFrom(now + hourMs, now), ...claim };
  return { phase: 'claimed', record: record(changes), ready: ready(), claim: whole };
}

/** Its removal began so long ago. */
export function endingVm(claim: Claim | null, agoMs: number, changes: Partial<CloneRecord> = {}): InPhase<'ending'> {
  const now = Date.now();
  return {
    phase: 'ending',
    record: record(changes),
    ended: { reason: 'its task is over', since: deadlineFrom(now - agoMs, now) },
    claim,
    quarantine: null,
  };
}
