/** One lease of a named VM: what a task is given of the machine, and what the ledger keeps of it. */
import { vmAccessSchema } from '@vm-task/shared/vm-access';
import { z } from 'zod';
import { recordFields } from '../../ledger/vm-record.ts';
import type { VmClass } from '../../vm-class.ts';

/** The one machine of its pool, which is there before and after; `size` is what its task may use of it. */
export interface NamedClass extends VmClass {
  readonly driver: 'ssh';
}

/** `vm.json` of one lease: where the lock will be. */
export const namedRecordSchema = z.strictObject({ ...recordFields, driver: z.literal('ssh'), access: vmAccessSchema });

export type NamedRecord = z.infer<typeof namedRecordSchema>;
