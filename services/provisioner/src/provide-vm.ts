/** Getting an attempt its VM, whichever message asks for it: `vm.ready`, or what follows when there is none. */

import type { Appended } from '@vm-task/bus/append';
import type { Bus } from '@vm-task/bus/bus';
import { done, type HandlerOutcome, retry } from '@vm-task/bus/outcome';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { ResolvedSpec } from '@vm-task/hypervisor/vm-class';
import { decideRetry } from '@vm-task/shared/decide-retry';
import { type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Draft, EventData, Stored } from '@vm-task/shared/events';
import { unrunEnding } from '@vm-task/shared/unrun-ending';
import { type Allocation, claimOf, type ObtainContext, type ObtainedVm, obtainVm, whyNoVm } from './obtain-vm.ts';
import { takeLeftVm } from './take-left-vm.ts';
import { type TaskWatch, watchTask } from './watch-task.ts';

export interface Provisioning extends ObtainContext {
  readonly bus: Pick<Bus, 'head' | 'announce' | 'host'>;
  readonly drivers: Drivers;
  /** So long after the last limit of a task a runner may take to end it. */
  readonly runnerPatienceMs: number;
  /** Aborted when nothing new is to be begun. */
  readonly stop: AbortSignal;
}

export interface PlannedAttempt {
  readonly created: Stored<'task.created'>;
  readonly number: number;
  /** The last sequence of the event stream: nothing else may have happened to the task when its VM is reported (I10). */
  readonly expectedSeq: number;
}

export interface Limits {
  /** Aborted: give up what is in flight. */
  readonly signal: AbortSignal;
  /** After such a wait for capacity here the message goes to whoever has some. */
  readonly capacityWaitMs: number;
}

/**
 * A VM outlives its task's last limit by what a runner may take to end the task, and by this: what it takes the reaper to
 * end it instead and to remove the VM in good order.
 */
const deadlineGraceMs = 30_000;

/** A reaper that is there ends what is out of time within one sweep. */
const reaperMs = 5_000;

/** Who gives a message back hands it to the next provisioner, not to itself. */
const handOverMs = 500;

export async function provideVm(
  context: Provisioning,
  attempt: PlannedAttempt,
  { signal, capacityWaitMs }: Limits,
): Promise<HandlerOutcome> {
  using watch = watchTask(context.bus, attempt.created.data, attempt.expectedSeq, signal);
  try {
    return await provide(context, attempt, watch, capacityWaitMs);
  } catch (error) {
    if (watch.movedOn) return done();
    if (context.stop.aborted || signal.aborted) return retry(handOverMs, 'this provisioner is going');
    throw error;
  }
}

async function provide(
  context: Provisioning,
  attempt: PlannedAttempt,
  watch: TaskWatch,
  capacityWaitMs: number,
): Promise<HandlerOutcome> {
  const patience = AbortSignal.any([watch.signal, context.stop]);
  const { leftVm } = attempt.created.data.spec;
  const found = await resolveSpec(context, attempt, patience);
  if (found.kind === 'failed') return failed(context, attempt, found.error);
  const allocation = allocationFor(attempt, found.resolved, context, {
    signal: watch.signal,
    patience,
    capacityWaitMs,
  });
  const obtained =
    leftVm === undefined
      ? await obtainVm(context, allocation)
      : await takeLeftVm(context.hypervisor, leftVm, claimOf(allocation));
  if (obtained.kind === 'no-capacity') return retry(handOverMs, 'this host has no capacity');
  if (obtained.kind === 'too-late') return retry(reaperMs, 'its time is over, and nobody has said so yet');
  if (obtained.kind === 'failed') return failed(context, attempt, obtained.error);
  const { vm } = obtained;
  context.log.info({ vm: vm.id, warm: vm.warm, attempt: attempt.number }, 'the task has its VM');
  return done(ready(attempt, found.resolved, vm, context.host), {
    expectedSeq: attempt.expectedSeq,
    // One that an earlier stage left is reported when it goes, and that is the reaper's.
    settle: (appended) => (leftVm === undefined ? settle(context, vm, appended) : Promise.resolve()),
  });
}

type Found =
  | { readonly kind: 'found'; readonly resolved: ResolvedSpec }
  | { readonly kind: 'failed'; readonly error: ErrorInfo };

async function resolveSpec(
  { preparations }: Provisioning,
  attempt: PlannedAttempt,
  patience: AbortSignal,
): Promise<Found> {
  const { pool, spec } = attempt.created.data;
  try {
    const { image, size, egress, allow } = spec;
    const resolved = await preparations.resolve(pool, { image, size, egress, allow }, patience);
    requireRuntime(resolved, spec);
    return { kind: 'found', resolved };
  } catch (error) {
    patience.throwIfAborted();
    return { kind: 'failed', error: whyNoVm(error) };
  }
}

/** @throws `runtime-not-found`, with those that the image has. */
function requireRuntime({ image, runtimes }: ResolvedSpec, { main }: EventData<'task.created'>['spec']): void {
  if (main.kind !== 'script' || Object.hasOwn(runtimes, main.runtime)) return;
  const known = Object.keys(runtimes).sort().join(', ');
  throw new VmTaskError(
    'runtime-not-found',
    `image ${image} has no runtime ${JSON.stringify(main.runtime)}; it has ${known}`,
  );
}

function allocationFor(
  { created: { data, time }, number }: PlannedAttempt,
  { vmClass }: ResolvedSpec,
  { clock, drivers, runnerPatienceMs }: Provisioning,
  signals: Pick<Allocation, 'signal' | 'patience' | 'capacityWaitMs'>,
): Allocation {
  const { task, spec } = data;
  const endsAtMs = time.getTime() + spec.timeouts.totalMs + runnerPatienceMs + deadlineGraceMs;
  return {
    task,
    attempt: number,
    vmClass,
    warm: drivers.get(vmClass.driver).capabilities.warm,
    deadline: deadlineFrom(endsAtMs, clock.nowMs()),
    keep: spec.keep,
    ...signals,
  };
}

function ready(
  { created: { data }, number }: PlannedAttempt,
  { vmClass, image, runtimes }: ResolvedSpec,
  vm: ObtainedVm,
  host: string,
): Draft<'vm.ready'> {
  const { task, pool, spec } = data;
  const ready: EventData<'vm.ready'> = {
    v: 1,
    task,
    pool,
    attempt: number,
    vm: vm.id,
    host,
    driver: vmClass.driver,
    image,
    runtimes,
    size: spec.size,
    access: vm.access,
    warm: vm.warm,
  };
  return { type: 'vm.ready', data: ready, host };
}

/** Nothing of the task has happened anywhere: another attempt may have more luck. */
function failed(
  { clock, host }: Provisioning,
  { created, number, expectedSeq }: PlannedAttempt,
  error: ErrorInfo,
): HandlerOutcome {
  const { task, pool } = created.data;
  const ending = unrunEnding({ task, pool, attempt: number, vm: null, outcome: 'failed', error, host });
  return done(decideRetry({ ending, phase: 'vm', created, cancelling: false, nowMs: clock.nowMs() }), { expectedSeq });
}

/** The VM stays only when the stream names it as the task's: else the task has moved on, or has another worker's VM. */
async function settle(
  { hypervisor, capacity, log }: Pick<Provisioning, 'hypervisor' | 'capacity' | 'log'>,
  vm: ObtainedVm,
  appended: Appended,
): Promise<void> {
  const { kind } = appended;
  if (kind === 'stored' && appended.event.type === 'vm.ready' && appended.event.data.vm === vm.id) return;
  log.info({ vm: vm.id, kind }, 'the task went on without this VM; removing it');
  await hypervisor.destroy(vm.id, 'its task went on without it');
  capacity.changed();
}
