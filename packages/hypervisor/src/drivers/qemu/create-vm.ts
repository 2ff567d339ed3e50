import { writeFile } from 'node:fs/promises';
import { newIdentity, takeIdentity } from '@vm-task/guest/identity';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { freePort } from '../../host/free-port.ts';
import type { Owner } from '../../host/own-folder.ts';
import type { Capacity, CreateOutcome, ReadyVm } from '../../hypervisor.ts';
import { type Deadline, thisMoment } from '../../ledger/deadline.ts';
import { openFolder, readState, writeReady } from '../../ledger/ledger.ts';
import { thisProcess } from '../../ledger/process-ref.ts';
import { type Slots, takeSlots } from '../../ledger/slots.ts';
import type { Ready } from '../../ledger/vm-record.ts';
import type { Snapshot } from '../../snapshots/snapshot.ts';
import { logsOf, startClone } from './clone.ts';
import { destroyVm } from './end-vm.ts';
import type { HostFacts } from './host-facts.ts';
import { connectIdentityPort } from './identity-port.ts';
import type { CloneRecord, ExactCloneClass } from './record.ts';
import { lastWords } from './start-qemu.ts';

/** A few files: a fraction of a second without hardware virtualisation, on an idle host. */
const identityLimitMs = 120_000;

export interface CreatePlan {
  readonly home: Home;
  readonly facts: HostFacts;
  readonly vmClass: ExactCloneClass;
  readonly snapshot: Snapshot;
  readonly capacity: Capacity;
  readonly deadline: Deadline;
  /** `performance.now()` when the VM was asked for. */
  readonly askedAt: number;
}

/** Slots, uid, record, clone, identity: in this order, and all gone again when one of them fails. */
export async function createVm(plan: CreatePlan, signal: AbortSignal): Promise<CreateOutcome> {
  const { home, vmClass, capacity } = plan;
  const vm = newVmId(Date.now());
  const taken = await takeSlots(home, vm, vmClass.pool, capacity);
  if (taken.kind === 'full') return taken;
  try {
    const owner = await plan.facts.reserveOwner(taken.slots.host, home.vm(vm).root);
    const record = await newRecord(plan, vm, taken.slots, owner);
    await openFolder(home, record);
    return { kind: 'ready', vm: await bringUp(plan, record, owner, signal) };
  } catch (error) {
    const said = await lastWords(logsOf(home, vm));
    await destroyVm(home, vm, 'it could not be made');
    signal.throwIfAborted();
    throw explained(error, said);
  }
}

async function newRecord(plan: CreatePlan, vm: VmId, slots: Slots, owner: Owner | null): Promise<CloneRecord> {
  const { vmClass, snapshot, deadline } = plan;
  const { pool, image, size, egress, allow } = vmClass;
  const isJoined = egress === 'internet' || allow.length > 0;
  return {
    version: 1,
    driver: 'qemu',
    vm,
    pool,
    image: { name: image.name, version: image.version },
    snapshot: snapshot.key,
    size,
    egress,
    allow: [...allow],
    resources: ['slots', 'files', 'process', 'port', ...(isJoined ? (['namespace'] as const) : [])],
    slots,
    uid: owner?.uid ?? null,
    port: await freePort(),
    createdAt: new Date().toISOString(),
    deadline,
    creator: thisProcess(),
    process: null,
  };
}

async function bringUp(
  plan: CreatePlan,
  intent: CloneRecord,
  owner: Owner | null,
  signal: AbortSignal,
): Promise<ReadyVm> {
  const { home, facts, snapshot, vmClass, askedAt } = plan;
  const { accelerator, walls, denied } = facts;
  const { vm, port } = await startClone({ home, snapshot, accelerator, walls, denied, owner }, intent, signal);
  const runningMs = Math.round(performance.now() - askedAt);
  const identity = newIdentity(vm);
  const access = { host: '127.0.0.1', port, user: snapshot.user, hostKey: snapshot.hostKey };
  const identityPort = await connectIdentityPort(home.vm(vm).run);
  const proven = await takeIdentity(identityPort, identity, { access, timeoutMs: identityLimitMs, signal });
  await writeFile(home.vm(vm).sshKey, identity.loginKey.privateKey, { mode: 0o600 });
  const timings = { runningMs, identifiedMs: Math.round(performance.now() - askedAt) };
  const ready: Ready = { access: proven.access, since: thisMoment(), timings };
  await writeReady(home, vm, ready);
  if ((await readState(home, vm))?.phase !== 'ready') {
    throw new VmTaskError('vm-not-started', `${vm} was ended while it was made`);
  }
  return { id: vm, vmClass, access: ready.access };
}

/** The error's own code and sentence, and what QEMU and the guest said last. */
function explained(error: unknown, said: string): unknown {
  if (said === '') return error;
  const code = error instanceof VmTaskError ? error.code : 'vm-not-started';
  const message = error instanceof Error ? error.message : String(error);
  return new VmTaskError(code, `${message}\n${said}`, { cause: error });
}
