/**
 * Quarantine: what of a VM could not be removed, with the reason, in the VM's own folder. The VM keeps its slots, because
 * what is left may still use its memory, its disk or its uid; the removal is tried again after pauses that grow (I13);
 * and the file goes with the folder when one of those succeeds.
 */
import { backOffMs } from '@vm-task/shared/back-off';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { openEnum } from '@vm-task/shared/tolerant';
import { z } from 'zod';
import { deadlineFrom, deadlineSchema, isOverdue } from './deadline.ts';
import { readJson, writeJson } from './json-file.ts';

export const leftoverSchema = z.strictObject({
  kind: openEnum(['process', 'file']),
  /** A process's number, a file's path. */
  what: z.string(),
  /** Why it is still there, and where to look. */
  why: z.string(),
});

export type Leftover = z.infer<typeof leftoverSchema>;

export const quarantineSchema = z.strictObject({
  /** When the first removal came to nothing. */
  since: z.iso.datetime(),
  tries: z.int().min(1),
  left: z.array(leftoverSchema).min(1),
  /** By the host's uptime, as every deadline of the ledger; another boot id means now. */
  nextTry: deadlineSchema,
});

export type Quarantine = z.infer<typeof quarantineSchema>;

const pauses = {
  /** A host that is short of something for a moment is over it by then. */
  firstMs: 30_000,
  /** What nobody has repaired in an hour is not repaired in the next minute. */
  longestMs: 6 * 60 * 60_000,
};

/** 30 s after the first try, then twice as long each time, up to six hours. */
export function pauseAfter(tries: number): number {
  return backOffMs(pauses, tries);
}

/** Notes one more removal that left something. @throws when the folder cannot be written to, either. */
export async function writeQuarantine(home: Home, vm: VmId, left: readonly Leftover[]): Promise<void> {
  const path = home.vm(vm).quarantine;
  const before = await readJson(path, quarantineSchema);
  const known = before.kind === 'value' ? before.value : null;
  const nowMs = Date.now();
  const tries = (known?.tries ?? 0) + 1;
  const quarantine: Quarantine = {
    since: known?.since ?? new Date(nowMs).toISOString(),
    tries,
    left: [...left],
    nextTry: deadlineFrom(nowMs + pauseAfter(tries), nowMs),
  };
  await writeJson(path, quarantine);
}

/** True while the next try is still to come: until then the VM is left alone. */
export function isResting(quarantine: Quarantine | null): boolean {
  return quarantine !== null && !isOverdue(quarantine.nextTry);
}

/** One sentence for people: what is left, and why. */
export function describeLeft(left: readonly Leftover[]): string {
  return left.map(({ kind, what, why }) => `${kind} ${what}: ${why}`).join('; ');
}

/** For what is in no ledger, and has no folder that could say so: the same error, and nothing written. */
export function notGone(vm: VmId, left: readonly Leftover[]): VmTaskError {
  return new VmTaskError('vm-not-gone', `${vm}: ${describeLeft(left)}`);
}

/** The error that says what is left of a VM, once its folder says so, too. */
export async function quarantined(home: Home, vm: VmId, left: readonly Leftover[]): Promise<VmTaskError> {
  // Where not even this can be written, the error has to tell all of it.
  await writeQuarantine(home, vm, left).catch(() => undefined);
  return notGone(vm, left);
}
