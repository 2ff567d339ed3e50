/** The slots that a VM has by its record, and has not (I6). */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import type { Missing } from '../hypervisor.ts';
import { slotPaths } from '../ledger/slots.ts';
import type { VmRecord } from '../ledger/vm-record.ts';
import { nullIfMissing } from './missing.ts';

export async function missingSlots(home: Home, record: VmRecord): Promise<Missing[]> {
  const looks = slotPaths(home, record).map(async (path): Promise<Missing[]> => {
    const isThere = (await stat(join(path, record.vm)).catch(nullIfMissing)) !== null;
    return isThere ? [] : [{ kind: 'slot', why: `the slot ${path} is no longer its own` }];
  });
  return (await Promise.all(looks)).flat();
}
