/**
 * The audit: host, ledger and log compared. *Leaked* is what carries this home's mark and has no live task and no warm
 * slot, and was not being removed within the last 30 s; *missing* is what the ledger knows and the host does not have.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { Bus } from '@vm-task/shared/bus/bus';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { SpineKey } from '@vm-task/shared/subjects';
import type { Hypervisor, Missing, Stray } from './hypervisor.ts';
import { remainingMs } from './ledger/deadline.ts';
import { isRunning } from './ledger/process-ref.ts';
import { describeLeft, type Quarantine } from './ledger/quarantine.ts';
import type { VmState } from './ledger/vm-record.ts';
import { claimOf, deadlineOf } from './release-vm.ts';

/** What the log says of one attempt of a task. */
export type TaskStanding =
  | { readonly kind: 'live' }
  | { readonly kind: 'over'; readonly at: Date }
  /** There is no such task, or none any more. */
  | { readonly kind: 'unknown' };

export interface TaskLog {
  standingOf(spine: SpineKey, attempt: number): Promise<TaskStanding>;
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
}

/** One VM with what is known of it elsewhere. */
export interface AuditedVm {
  readonly state: VmState;
  readonly missing: readonly Missing[];
  /** By the host's uptime. */
  readonly isOverdue: boolean;
  readonly isCreatorAlive: boolean;
  /** Null for a VM that works for nobody. */
  readonly standing: TaskStanding | null;
}

/** So long may a removal take before it counts as forgotten. */
const removalMs = 30_000;

/** What looks wrong is looked at again after so long: a VM may have been half-way from one state to the next. */
const secondLookMs = 1_000;

/** Where attempts stand, by the spine's head: one is over when its task is, or when another one follows. */
export function taskLog(bus: Pick<Bus, 'head'>): TaskLog {
  return {
    async standingOf(spine, attempt) {
      const head = await bus.head(spine);
      if (head === null) return { kind: 'unknown' };
      const isOver = head.type === 'task.completed' || attemptAt(head) > attempt;
      return isOver ? { kind: 'over', at: head.time } : { kind: 'live' };
    },
  };
}

/** Reports only what two looks in a row have shown. Thrown: when the host or the log cannot be read. */
export async function audit(hypervisor: Hypervisor, log: TaskLog): Promise<Audit> {
  const first = await lookOnce(hypervisor, log);
  if (first.leaked.length + first.missing.length === 0) return first;
  await delay(secondLookMs);
  const second = await lookOnce(hypervisor, log);
  const inBoth = (before: readonly Finding[], now: readonly Finding[]) =>
    now.filter((finding) => before.some(({ kind, id }) => kind === finding.kind && id === finding.id));
  return {
    vms: second.vms,
    leaked: inBoth(first.leaked, second.leaked),
    missing: inBoth(first.missing, second.missing),
  };
}

async function lookOnce(hypervisor: Hypervisor, log: TaskLog): Promise<Audit> {
  const states = await hypervisor.list();
  const strays = await hypervisor.strays();
  const audited = await Promise.all(states.map((state) => lookAt(hypervisor, log, state)));
  return compare(audited, strays, new Date());
}

async function lookAt(hypervisor: Hypervisor, log: TaskLog, state: VmState): Promise<AuditedVm> {
  const { pool, creator } = state.record;
  const claim = claimOf(state);
  return {
    state,
    missing: await hypervisor.missing(state),
    isOverdue: remainingMs(deadlineOf(state)) < -removalMs,
    isCreatorAlive: isRunning(creator),
    standing: claim === null ? null : await log.standingOf({ pool, task: claim.task }, claim.attempt),
  };
}

/** The decision alone. */
export function compare(vms: readonly AuditedVm[], strays: readonly Stray[], now: Date): Audit {
  const leaked = vms.flatMap((vm) => findingOf(vm.state, whyLeaked(vm, now.getTime())));
  const missing = vms.flatMap((vm) => findingOf(vm.state, whyMissing(vm)));
  return { vms: vms.length, leaked: [...leaked, ...strays.map(strayFinding)], missing };
}

function whyLeaked({ state, standing, isCreatorAlive, isOverdue }: AuditedVm, nowMs: number): string | null {
  switch (state.phase) {
    case 'ready':
      return isOverdue ? whyOverdue(state) : null;
    case 'creating':
      return isCreatorAlive ? null : 'whoever was making it has died';
    case 'claimed':
      return whyForgotten(standing, nowMs) ?? (isOverdue ? whyOverdue(state) : null);
    case 'ending':
      if (state.quarantine !== null) return whyQuarantined(state.quarantine);
      if (nowMs - Date.parse(state.ended.at) < removalMs) return null;
      return `its removal began at ${state.ended.at} (${state.ended.reason}) and is not done`;
  }
}

function whyForgotten(standing: TaskStanding | null, nowMs: number): string | null {
  if (standing?.kind === 'unknown') return 'the log knows no such task';
  if (standing?.kind !== 'over' || nowMs - standing.at.getTime() < removalMs) return null;
  return `its attempt was over at ${standing.at.toISOString()}`;
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

function strayFinding(stray: Stray): Finding {
  const id: VmId = stray.vm;
  const where = stray.kind === 'process' ? `process ${stray.pid}` : stray.path;
  return { kind: stray.kind, id, pool: null, task: null, why: `${where} is in no ledger` };
}
