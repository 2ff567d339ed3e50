/**
 * What the ledger keeps of one VM, as plain data: one schema per file of its folder, and the states that
 * those files make up. `vm.json` carries the version of the whole folder; one of the future is refused, never
 * guessed at. What the same version has got since then is read past (docs/compatibility.md).
 */
import { parseName, parseTaskId, parseVmId } from '@vm-task/shared/ids';
import { keepSchema } from '@vm-task/shared/kept-vm';
import { sizeSchema } from '@vm-task/shared/sizes';
import { vmAccessSchema } from '@vm-task/shared/vm-access';
import { z } from 'zod';
import { deadlineSchema } from './deadline.ts';
import type { Quarantine } from './quarantine.ts';

const vmIdSchema = z.string().transform((text) => parseVmId(text));
const taskIdSchema = z.string().transform((text) => parseTaskId(text));
const poolSchema = z.string().transform((text) => parseName('pool', text));

/** A process, so that no other one that later has its number is taken for it. */
export const processRefSchema = z.strictObject({
  pid: z.int().min(2),
  /** Field 22 of /proc/<pid>/stat: when it started, in clock ticks since boot. */
  startTicks: z.int(),
});

export type ProcessRef = z.infer<typeof processRefSchema>;

/** What `vm.json` has whatever the driver: a driver's own schema is these, and its own fields beside them. */
export const recordFields = {
  version: z.literal(1),
  /** Who has the VM. One that this version does not know is a VM that nobody here touches. */
  driver: z.string(),
  vm: vmIdSchema,
  pool: poolSchema,
  size: sizeSchema,
  /** Every kind of resource that the VM can have, here or elsewhere, listed before the first one is made (I5). */
  resources: z.array(z.string()),
  slots: z.strictObject({ pool: z.int(), host: z.int() }),
  createdAt: z.iso.datetime(),
  deadline: deadlineSchema,
  /** Who makes it: a VM still being made by nobody is to be removed. */
  creator: processRefSchema,
  /** Null until it was started, and for a VM that has none here. A crash may leave this null although one runs, with our mark. */
  process: processRefSchema.nullable().default(null),
};

/** `vm.json`: the intent. Rewritten as a whole once the process is known. */
const anyRecordSchema = z.strictObject(recordFields);

export type VmRecord = z.infer<typeof anyRecordSchema>;

/** As the ledger reads it: the driver's own fields are kept as they are, for the driver. */
export const vmRecordSchema: z.ZodType<VmRecord> = anyRecordSchema.loose();

/** `ready.json`: the VM has proved its own identity (I12), and since when. */
export const readySchema = z.strictObject({
  access: vmAccessSchema,
  since: deadlineSchema,
  /** From the start of the creation: until the guest ran on, and until its identity was proved. */
  timings: z.strictObject({ runningMs: z.number(), identifiedMs: z.number() }),
});

export type Ready = z.infer<typeof readySchema>;

/** `claim.json`, `claim-2.json` …: whose the VM is, and until when. */
export const claimSchema = z.strictObject({
  task: taskIdSchema,
  attempt: z.int().min(1),
  deadline: deadlineSchema,
  /** After its success the VM is its pipeline's, until that deadline. */
  keep: keepSchema.optional(),
});

export type Claim = z.infer<typeof claimSchema>;

/** `ended.json`: why the VM is going, and since when. */
export const endedSchema = z.strictObject({ reason: z.string(), since: deadlineSchema });

export type Ended = z.infer<typeof endedSchema>;

/** One VM as its folder shows it. Each phase has what it needs; none has what may be missing. */
export type VmState =
  | { readonly phase: 'creating'; readonly record: VmRecord }
  /** Warm: whoever links its claim first has it. Claimed: `claim` is the last one. */
  | { readonly phase: 'ready'; readonly record: VmRecord; readonly ready: Ready }
  | { readonly phase: 'claimed'; readonly record: VmRecord; readonly ready: Ready; readonly claim: Claim }
  /**
   * Being removed, or removed but for its folder. `claim` says for whom it worked, if for anybody; `quarantine` what
   * could not be removed.
   */
  | {
      readonly phase: 'ending';
      readonly record: VmRecord;
      readonly ended: Ended;
      readonly claim: Claim | null;
      readonly quarantine: Quarantine | null;
    };
