/** Handles task.created. Emits: vm.ready | task.completed. A clean VM is claimed for the task, or the task has failed. */
import type { Image } from '@vm-task/hypervisor/images/image';
import { formatImageRef, parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { Appended } from '@vm-task/shared/bus/append';
import type { Bus, Handling } from '@vm-task/shared/bus/bus';
import { done, type HandlerOutcome, retry } from '@vm-task/shared/bus/outcome';
import { type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Draft, EventData, Stored } from '@vm-task/shared/events';
import { unrunEnding } from '@vm-task/shared/unrun-ending';
import { type ObtainContext, type ObtainedVm, type Order, obtainVm, whyNoVm } from './obtain-vm.ts';
import { type TaskWatch, watchTask } from './watch-task.ts';

export interface Provisioning extends ObtainContext {
  readonly bus: Pick<Bus, 'head'>;
  readonly host: string;
  /** Aborted when nothing new is to be begun. */
  readonly stop: AbortSignal;
}

type Created = Stored<'task.created'>;

/** There are no retries yet: a task has one attempt. */
const attempt = 1;

/** A VM outlives its task's last deadline by what it takes to end the task and to remove the VM in good order. */
const deadlineGraceMs = 30_000;

/** A provisioner that is going hands its messages to the next one, not to itself. */
const handOverMs = 500;

export function onTaskCreated(context: Provisioning) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.created') return done();
    using watch = watchTask(context.bus, event, signal);
    try {
      return await provide({ ...context, log }, event, watch);
    } catch (error) {
      if (watch.movedOn) return done();
      if (context.stop.aborted || signal.aborted) return retry(handOverMs, 'this provisioner is going');
      throw error;
    }
  };
}

async function provide(context: Provisioning, event: Created, watch: TaskWatch): Promise<HandlerOutcome> {
  const patience = AbortSignal.any([watch.signal, context.stop]);
  const image = await findImage(context, event, patience);
  if (image.kind === 'failed') return failed(event, image.error);
  const order = orderFor(event, image.image, context, { signal: watch.signal, patience });
  const obtained = await obtainVm(context, order);
  if (obtained.kind === 'failed') return failed(event, obtained.error);
  context.log.info({ vm: obtained.vm.id, warm: obtained.vm.warm }, 'the task has its VM');
  return done(ready(event, image.image, obtained.vm, context.host), {
    settle: (appended) => settle(context, obtained.vm, appended),
  });
}

type Found = { readonly kind: 'found'; readonly image: Image } | { readonly kind: 'failed'; readonly error: ErrorInfo };

async function findImage({ preparations }: Provisioning, event: Created, patience: AbortSignal): Promise<Found> {
  const { pool, spec } = event.data;
  try {
    const image = await preparations.image(pool, parseImageRef(spec.image), patience);
    requireRuntime(image, spec);
    return { kind: 'found', image };
  } catch (error) {
    patience.throwIfAborted();
    return { kind: 'failed', error: whyNoVm(error) };
  }
}

/** Thrown: `runtime-not-found`, with those that the image has. */
function requireRuntime(image: Image, { main }: Created['data']['spec']): void {
  if (main.kind === 'command' || Object.hasOwn(image.runtimes, main.runtime)) return;
  const known = Object.keys(image.runtimes).sort().join(', ');
  throw new VmTaskError(
    'runtime-not-found',
    `image ${formatImageRef(image.ref)} has no runtime ${JSON.stringify(main.runtime)}; it has ${known}`,
  );
}

function orderFor(
  { data, time }: Created,
  image: Image,
  { clock }: Provisioning,
  signals: Pick<Order, 'signal' | 'patience'>,
): Order {
  const { task, pool, spec } = data;
  const endsAtMs = time.getTime() + spec.timeouts.totalMs + deadlineGraceMs;
  return {
    task,
    attempt,
    vmClass: { pool, image: image.ref, size: spec.size, egress: spec.egress },
    deadline: deadlineFrom(endsAtMs, clock.nowMs()),
    ...signals,
  };
}

function ready({ data }: Created, image: Image, vm: ObtainedVm, host: string): Draft<'vm.ready'> {
  const { task, pool, spec } = data;
  const ready: EventData<'vm.ready'> = {
    v: 1,
    task,
    pool,
    attempt,
    vm: vm.id,
    host,
    image: formatImageRef(image.ref),
    runtimes: image.runtimes,
    size: spec.size,
    access: vm.access,
    warm: vm.warm,
  };
  return { type: 'vm.ready', data: ready };
}

function failed({ data }: Created, error: ErrorInfo): HandlerOutcome {
  const { task, pool } = data;
  return done(unrunEnding({ task, pool, attempt, vm: null, outcome: 'failed', error }));
}

/** The VM stays only when the stream names it as the task's: else the task has moved on, or has another worker's VM. */
async function settle(
  { hypervisor, room, log }: Pick<Provisioning, 'hypervisor' | 'room' | 'log'>,
  vm: ObtainedVm,
  appended: Appended,
): Promise<void> {
  const { kind } = appended;
  if (kind === 'stored' && appended.event.type === 'vm.ready' && appended.event.data.vm === vm.id) return;
  log.info({ vm: vm.id, kind }, 'the task went on without this VM; removing it');
  await hypervisor.destroy(vm.id, 'its task went on without it');
  room.changed();
}
