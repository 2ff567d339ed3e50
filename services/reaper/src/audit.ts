/**
 * The audit: host, ledger and log compared, each with the others. *Leaked* is what carries this home's mark and has no
 * live task and no warm slot, and was not being removed within the last 30 s; *missing* is what the ledger knows and the
 * host does not have, or a live task and not the ledger; *untold* is whose end the log does not have; *unreadable* is what the ledger has in a form that nobody knows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/bus/bus';
import { readPipeline } from '@vm-task/bus/read-pipeline';
import { readVmsNotGone } from '@vm-task/bus/vms-not-gone';
import type { Hypervisor, Missing, Stray } from '@vm-task/hypervisor/hypervisor';
import { remainingMs } from '@vm-task/hypervisor/ledger/deadline';
import type { UnreadableVm } from '@vm-task/hypervisor/ledger/ledger';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import { describeLeft, type Quarantine } from '@vm-task/hypervisor/ledger/quarantine';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { claimOf, deadlineOf } from '@vm-task/hypervisor/release-vm';
import { isKept } from '@vm-task/pipelines/decisions/kept-vms';
import { attemptAt, vmNamedBy } from '@vm-task/shared/attempt-at';
import { isTaskEnd } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { Keep } from '@vm-task/shared/kept-vm';
import type { TaskKey } from '@vm-task/shared/subjects';

/** What the log says of one attempt of a task. */
export type AttemptStatus =
  | { readonly kind: 'live' }
  /** Live, in another VM. */
  | { readonly kind: 'elsewhere'; readonly vm: VmId; readonly at: Date }
  | { readonly kind: 'over'; readonly at: Date }
  /** There is no such task, or none any more. */
  | { readonly kind: 'unknown' };

export interface NamedVm {
  readonly vm: VmId;
  readonly pool: string;
  readonly task: TaskId;
  readonly attempt: number;
}

export interface TaskLog {
  /** `keep`: the VM may wait for a later stage, and is that one's then. */
  attemptStatusOf(taskKey: TaskKey, attempt: number, vm: VmId, keep?: Keep): Promise<AttemptStatus>;
  /** VMs of this host that the log says were there, and not that they are gone. */
  vmsNotGone(): Promise<readonly NamedVm[]>;
  /** By the clock that set the times of events. */
  now(): Promise<Date>;
}

export interface Finding {
  readonly kind: 'vm' | Stray['kind'];
  readonly id: string;
  readonly pool: string | null;
  readonly task: TaskId | null;
  readonly why: string;
}

export interface Audit {
  /** VMs that the ledger knows. */
  readonly vms: number;
  readonly leaked: readonly Finding[];
  readonly missing: readonly Finding[];
  readonly untold: readonly Finding[];
  readonly unreadable: readonly Finding[];
}

/** One VM with what is known of it elsewhere. */
export interface AuditedVm {
  readonly state: VmState;
  readonly missing: readonly Missing[];
  /** By the host's uptime, as the next. */
  readonly isOverdue: boolean;
  readonly isRemovalLate: boolean;
  readonly isCreatorAlive: boolean;
  /** Null for a VM that works for nobody. */
  readonly status: AttemptStatus | null;
}

/** One that the log names, and the ledger does not. */
export interface UnknownVm {
  readonly named: NamedVm;
  readonly status: AttemptStatus;
}

/** All that one look has shown. */
export interface Look {
  readonly vms: readonly AuditedVm[];
  readonly strays: readonly Stray[];
  readonly unknown: readonly UnknownVm[];
  readonly unreadable: readonly UnreadableVm[];
  /** As the log's times are. */
  readonly now: Date;
}

/** So long may a removal take before it counts as forgotten. */
const removalMs = 30_000;

/** What looks wrong is looked at again after so long: a VM may have been half-way from one state to the next. */
const secondLookMs = 1_000;

/** Where attempts stand, by the last event of their task: one is over when its task is, or when another one follows. */
export function taskLog(bus: Pick<Bus, 'head' | 'now' | 'connection'>, host: string): TaskLog {
  return {
    attemptStatusOf: (taskKey, attempt, vm, keep) => attemptStatusOf(bus, taskKey, { attempt, vm, keep }),
    async vmsNotGone() {
      return (await readVmsNotGone(bus.connection, host)).map(({ data }) => data);
    },
    now: () => bus.now(),
  };
}

async function attemptStatusOf(
  bus: Pick<Bus, 'head' | 'connection'>,
  taskKey: TaskKey,
  { attempt, vm, keep }: { readonly attempt: number; readonly vm: VmId; readonly keep: Keep | undefined },
): Promise<AttemptStatus> {
  const head = await bus.head(taskKey);
  if (head === null) return { kind: 'unknown' };
  if (await isKept(keep, head, (pipeline) => readPipeline(bus.connection, pipeline))) return { kind: 'live' };
  if (isTaskEnd(head) || attemptAt(head) > attempt) {
    // A pipeline that no longer wants the VM has said so in some event of its own.
    const pipeline = keep === undefined ? null : await bus.head(keep);
    return { kind: 'over', at: pipeline !== null && pipeline.time > head.time ? pipeline.time : head.time };
  }
  const named = vmNamedBy(head)?.id ?? vm;
  return named === vm ? { kind: 'live' } : { kind: 'elsewhere', vm: named, at: head.time };
}

/** Reports only what two looks in a row have shown. @throws when the host or the log cannot be read. */
export async function audit(hypervisor: Hypervisor, log: TaskLog): Promise<Audit> {
  const first = await lookOnce(hypervisor, log);
  if (first.leaked.length + first.missing.length + first.untold.length === 0) return first;
  await delay(secondLookMs);
  const second = await lookOnce(hypervisor, log);
  const inBoth = (before: readonly Finding[], now: readonly Finding[]) =>
    now.filter((finding) => before.some(({ kind, id }) => kind === finding.kind && id === finding.id));
  return {
    vms: second.vms,
    leaked: inBoth(first.leaked, second.leaked),
    missing: inBoth(first.missing, second.missing),
    untold: inBoth(first.untold, second.untold),
    unreadable: second.unreadable,
  };
}

async function lookOnce(hypervisor: Hypervisor, log: TaskLog): Promise<Audit> {
  const states = await hypervisor.list();
  const unreadable = await hypervisor.unreadable();
  const strays = await hypervisor.strays();
  const vms = await Promise.all(states.map((state) => lookAt(hypervisor, log, state)));
  // After the ledger: what is removed meanwhile was reported before.
  const known = new Set([...states.map(({ record }) => record.vm), ...unreadable.map(({ vm }) => vm)]);
  const unknown = (await log.vmsNotGone())
    .filter(({ vm }) => !known.has(vm))
    .map(async (named) => ({ named, status: await log.attemptStatusOf(named, named.attempt, named.vm) }));
  return compare({ vms, strays, unknown: await Promise.all(unknown), unreadable, now: await log.now() });
}

async function lookAt(hypervisor: Hypervisor, log: TaskLog, state: VmState): Promise<AuditedVm> {
  const { vm, pool, creator } = state.record;
  const claim = claimOf(state);
  return {
    state,
    missing: await hypervisor.missing(state),
    isOverdue: remainingMs(deadlineOf(state)) < -removalMs,
    isRemovalLate: state.phase === 'ending' && remainingMs(state.ended.since) < -removalMs,
    isCreatorAlive: isRunning(creator),
    status:
      claim === null ? null : await log.attemptStatusOf({ pool, task: claim.task }, claim.attempt, vm, claim.keep),
  };
}

/** The decision alone. */
export function compare({ vms, strays, unknown, unreadable, now }: Look): Audit {
  const leaked = vms.flatMap((vm) => findingOf(vm.state, whyLeaked(vm, now.getTime())));
  const missing = vms.flatMap((vm) => findingOf(vm.state, whyMissing(vm)));
  return {
    vms: vms.length,
    leaked: [...leaked, ...strays.map(strayFinding)],
    missing: [...missing, ...unknown.filter(isAtWork).map(unknownFinding)],
    untold: unknown.filter((one) => !isAtWork(one)).map(unknownFinding),
    unreadable: unreadable.map(({ vm, why }) => ({ kind: 'vm', id: vm, pool: null, task: null, why })),
  };
}

function whyLeaked(
  { state, status, isCreatorAlive, isOverdue, isRemovalLate }: AuditedVm,
  nowMs: number,
): string | null {
  switch (state.phase) {
    case 'ready':
      return isOverdue ? whyOverdue(state) : null;
    case 'creating':
      return isCreatorAlive ? null : 'whoever was making it has died';
    case 'claimed':
      return whyForgotten(status, nowMs) ?? (isOverdue ? whyOverdue(state) : null);
    case 'ending':
      if (state.quarantine !== null) return whyQuarantined(state.quarantine);
      if (!isRemovalLate) return null;
      return `its removal began at ${state.ended.since.at} (${state.ended.reason}) and is not done`;
  }
}

function whyForgotten(status: AttemptStatus | null, nowMs: number): string | null {
  if (status?.kind === 'unknown') return 'the log knows no such task';
  if (status === null || status.kind === 'live' || nowMs - status.at.getTime() < removalMs) return null;
  const at = status.at.toISOString();
  return status.kind === 'over' ? `its attempt was over at ${at}` : `its task has had ${status.vm} since ${at}`;
}

function whyOverdue(state: VmState): string {
  return `its deadline was ${deadlineOf(state).at}, and no reaper has ended it`;
}

function whyQuarantined({ since, tries, left, nextTry }: Quarantine): string {
  const what = `it could not be removed since ${since}, in ${tries} ${tries === 1 ? 'try' : 'tries'}`;
  return `${what}: ${describeLeft(left)}; once that is repaired it goes by itself, at ${nextTry.at} or after`;
}

function whyMissing({ missing }: AuditedVm): string | null {
  return missing.length === 0 ? null : missing.map(({ why }) => why).join('; ');
}

function findingOf(state: VmState, why: string | null): Finding[] {
  if (why === null) return [];
  const { vm, pool } = state.record;
  return [{ kind: 'vm', id: vm, pool, task: claimOf(state)?.task ?? null, why }];
}

function isAtWork({ status }: UnknownVm): boolean {
  return status.kind === 'live';
}

function unknownFinding(unknown: UnknownVm): Finding {
  const { vm, pool, task } = unknown.named;
  const why = isAtWork(unknown)
    ? "the log has its task at work in it, and this host's ledger does not know it: the reaper fails the attempt"
    : "the log never says that it is gone, and this host's ledger does not know it: its record was lost, or it was removed while no system was up";
  return { kind: 'vm', id: vm, pool, task, why };
}

function strayFinding(stray: Stray): Finding {
  const id: VmId = stray.vm;
  const where = stray.kind === 'process' ? `process ${stray.pid}` : stray.path;
  return { kind: stray.kind, id, pool: null, task: null, why: `${where} is in no ledger` };
}
