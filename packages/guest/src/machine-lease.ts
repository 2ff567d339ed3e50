/**
 * One lease of a machine that is somebody's own, and stays: a lock on the machine itself, so that two controllers never
 * meet there, a folder and a control group for all that the lease makes, and the end of all of them. The deadline is
 * counted by the machine's own uptime; a watchdog of ours there ends a lease whose controller never came back. On the
 * machine, and to the programs there, a lease is called `use`: those names outlive a version.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmId } from '@vm-task/shared/ids';
import type { GuestConnection } from './connect.ts';
import { bare, type Field, type Frame, type FrameShape, withBytes } from './frames.ts';
import { guestText } from './guest-text.ts';
import { askServer } from './lease-server.ts';

export interface WantedLease {
  readonly vm: VmId;
  /** Whose lease it is, in a line for people and for whoever finds the lock. */
  readonly by: string;
  /** From now until the machine ends the lease by itself. */
  readonly lifeMs: number;
}

export type TakenLease =
  | { readonly kind: 'taken' }
  | { readonly kind: 'held'; readonly vm: string; readonly by: string; readonly leftMs: number };

/** What the machine can do for a task of this login. */
export interface MachineFacts {
  /** How a task's processes are kept together: a unit of systemd, a control group of our own, or by their environment alone. */
  readonly keeping: 'units' | 'groups' | 'nothing';
  /** Whether limits of memory, processors and processes hold. */
  readonly limits: boolean;
}

/** Of a control group. */
const path = withBytes(4_096);
/** Whose lease it is, as it was written there, and how long it goes on. */
const owner: FrameShape = { numbers: 1, minBytes: 1, maxBytes: 4_096 };
const words = withBytes(64);

/** A task's working directory in a lease, relative to the login's home. It goes with the lease. */
export function leaseWorkFolder(vm: VmId): string {
  return `.vm-task/uses/${vm}/work`;
}

/**
 * Takes the machine, or says who has it. What an overdue or broken lease has left is ended and removed first.
 * @throws `guest-failed`, `ssh-lost`; the signal's reason when aborted. Then nobody knows, and it must be released.
 */
export async function takeLease(
  connection: GuestConnection,
  wanted: WantedLease,
  signal: AbortSignal,
): Promise<TakenLease> {
  const fields: Field[] = [
    ['verb', 'take'],
    ['use', wanted.vm],
    ['by', wanted.by.replaceAll(/\p{Cc}/gu, ' ')],
    ['life', Math.max(0, Math.round(wanted.lifeMs))],
  ];
  const frame = await askServer(connection, fields, { taken: path, held: owner }, signal);
  if (frame.kind === 'taken') return { kind: 'taken' };
  const [, vm, by] = /^(\S+) (.*)$/s.exec(frame.bytes.toString()) ?? [];
  if (vm === undefined || by === undefined) throw unexpected(frame);
  return { kind: 'held', vm, by, leftMs: frame.numbers[0] ?? 0 };
}

/**
 * Returns when nothing of the lease is left on the machine: processes, also detached ones, folder, lock. One that never
 * was there is gone already. @throws as `takeLease`.
 */
export async function releaseLease(connection: GuestConnection, vm: VmId, signal: AbortSignal): Promise<void> {
  const fields: Field[] = [
    ['verb', 'release'],
    ['use', vm],
  ];
  await askServer(connection, fields, { released: bare }, signal);
}

/** @throws as `takeLease`. */
export async function lookAtMachine(connection: GuestConnection, signal: AbortSignal): Promise<MachineFacts> {
  const frame = await askServer(connection, [['verb', 'look']], { machine: words }, signal);
  const [, keeping, limits] = /^(units|groups|nothing) (limits|none)$/.exec(frame.bytes.toString()) ?? [];
  if (keeping === undefined) throw unexpected(frame);
  return { keeping: keeping as MachineFacts['keeping'], limits: limits === 'limits' };
}

function unexpected({ kind, bytes }: Frame): VmTaskError {
  return new VmTaskError('guest-failed', `the machine answered ${kind} with ${JSON.stringify(guestText(bytes))}`);
}
