/**
 * A hypervisor without machines: the ledger in memory, with the capacity, claims and states of a real one. It fails
 * and hangs when told to. Several provisioners may share one, as they share a host.
 */
import type { CloneClass, CloneRecord, ExactCloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import type { CreateOutcome, Hypervisor, ReadyVm, Stray } from '@vm-task/hypervisor/hypervisor';
import { type Deadline, thisMoment } from '@vm-task/hypervisor/ledger/deadline';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { ResolvedSpec, VmClass, VmRequest } from '@vm-task/hypervisor/vm-class';
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { claimed, claimedNext, ending, fullFor } from './ledger-rules.ts';

export type Operation = 'prepare' | 'create' | 'claim' | 'end' | 'destroy';

export interface FakeHypervisor extends Hypervisor {
  /** The next call of this operation throws, before it has changed anything. */
  failNext(operation: Operation, error: Error): void;
  /** The next call of this operation waits until it is let go, or its signal aborts. */
  holdNext(operation: Operation): { letGo(): void };
  /** The VM's process ends by itself; the ledger does not notice. */
  crash(vm: VmId): void;
  addStray(stray: Stray): void;
  /** Every VM that was ever made, in order; also those that are gone. */
  readonly made: readonly VmId[];
  readonly prepared: readonly VmClass[];
}

/** The one image that there is. */
export const fakeImage = {
  ref: { name: 'python', version: '3.2.0' },
  runtimes: { shell: ['/bin/sh', '-eu'], python: ['/usr/bin/python3'] },
};

const anyAccess: VmAccess = { host: '127.0.0.1', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' };

export interface FakeHypervisorOptions {
  /** How every one of its VMs is said to be reached. */
  readonly access?: VmAccess;
  /** Asked for each moment that it notes. */
  readonly now?: () => Deadline;
}

export function createFakeHypervisor({
  access = anyAccess,
  now = thisMoment,
}: FakeHypervisorOptions = {}): FakeHypervisor {
  const vms = new Map<VmId, VmState>();
  const dead = new Set<VmId>();
  const strays = new Set<Stray>();
  const made: VmId[] = [];
  const prepared: VmClass[] = [];
  const { before, failNext, holdNext } = createMishaps();

  const create = (vmClass: VmClass, deadline: Deadline): ReadyVm => {
    const id = newVmId(Date.now());
    const record = recordOf(id, vmClass as CloneClass, deadline, made.length);
    const ready = { access, since: now(), timings: { runningMs: 1, identifiedMs: 2 } };
    vms.set(id, { phase: 'ready', record, ready });
    made.push(id);
    return { id, vmClass, access };
  };
  /** False where the rules say no. */
  const put = (vm: VmId, state: VmState | null): boolean => {
    if (state !== null) vms.set(vm, state);
    return state !== null;
  };
  const end = (vm: VmId, reason: string) => {
    if (put(vm, ending(vms.get(vm), { reason, since: now() }))) dead.add(vm);
  };

  return {
    made,
    prepared,
    failNext,
    holdNext,
    crash: (vm) => void dead.add(vm),
    addStray: (stray) => void strays.add(stray),
    resolve: async (pool, request) => resolvedSpecOf(pool, request),
    async *watch() {
      yield { kind: 'there', weaker: null };
    },
    async prepare(vmClass, _report, signal) {
      await before('prepare', signal);
      prepared.push(vmClass);
    },
    async create(vmClass, capacity, deadline, signal): Promise<CreateOutcome> {
      await before('create', signal);
      const full = fullFor([...vms.values()], vmClass.pool, capacity);
      return full ?? { kind: 'ready', vm: create(vmClass, deadline) };
    },
    async claim(vm, claim) {
      await before('claim');
      return put(vm, claimed(vms.get(vm), claim));
    },
    async claimNext(vm, after, claim) {
      await before('claim');
      return put(vm, claimedNext(vms.get(vm), after, claim));
    },
    async end(vm, reason) {
      await before('end');
      end(vm, reason);
    },
    async destroy(vm, reason) {
      await before('destroy');
      end(vm, reason);
      vms.delete(vm);
    },
    list: async () => [...vms.values()],
    find: async (vm) => vms.get(vm) ?? null,
    isAlive: async (vm) => vms.has(vm) && !dead.has(vm),
    missing: async ({ record: { vm } }) => (dead.has(vm) ? [{ kind: 'process', why: 'its process has ended' }] : []),
    unreadable: async () => [],
    strays: async () => [...strays],
    removeStray: async (stray) => void strays.delete(stray),
  };
}

function resolvedSpecOf(pool: string, { image, size, egress, allow = [] }: VmRequest): ResolvedSpec {
  const { ref, runtimes } = fakeImage;
  if (image.split('@')[0] !== ref.name) {
    throw new VmTaskError('image-not-found', `there is no image "${image}"; known are ${ref.name}`);
  }
  const vmClass: ExactCloneClass = { driver: 'qemu', pool, image: ref, size, egress, allow };
  return { vmClass, image: `${ref.name}@${ref.version}`, runtimes };
}

function recordOf(
  vm: VmId,
  { pool, image, size, egress, allow }: CloneClass,
  deadline: Deadline,
  index: number,
): CloneRecord {
  return {
    version: 1,
    driver: 'qemu',
    vm,
    pool,
    image: { name: image.name, version: image.version ?? '1.0.0' },
    snapshot: 'fake',
    size,
    egress,
    allow: [...allow],
    resources: ['slots', 'files', 'process', 'port'],
    slots: { pool: index, host: index },
    uid: null,
    port: 20_000 + index,
    createdAt: new Date().toISOString(),
    deadline,
    creator: { pid: process.pid, startTicks: 1 },
    process: { pid: process.pid, startTicks: 1 },
  };
}

/** What is to go wrong with the next calls, in the order in which it was asked for. */
function createMishaps() {
  const waiting: { operation: Operation; happen: (signal?: AbortSignal) => Promise<void> }[] = [];
  return {
    async before(operation: Operation, signal?: AbortSignal): Promise<void> {
      signal?.throwIfAborted();
      const index = waiting.findIndex((mishap) => mishap.operation === operation);
      const [mishap] = index < 0 ? [] : waiting.splice(index, 1);
      await mishap?.happen(signal);
    },
    failNext(operation: Operation, error: Error): void {
      waiting.push({ operation, happen: () => Promise.reject(error) });
    },
    holdNext(operation: Operation): { letGo(): void } {
      const { promise: held, resolve: letGo, reject } = Promise.withResolvers<void>();
      const happen = (signal?: AbortSignal) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        return held;
      };
      waiting.push({ operation, happen });
      return { letGo };
    },
  };
}
