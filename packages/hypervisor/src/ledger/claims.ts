/**
 * Whose a VM is. `claim.json` is its first task's; where that one keeps it for another, `claim-2.json` is the next one's,
 * and so on: each is linked in once, so of all who want to follow one task only one does, and who comes late is refused.
 */
import { rm, stat } from 'node:fs/promises';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { nullIfMissing } from '../host/missing.ts';
import { readJson, writeJsonOnce } from './json-file.ts';
import { type Claim, claimSchema } from './vm-record.ts';

export interface Claims {
  readonly last: Claim;
  readonly count: number;
}

/** Null where nobody has claimed it. A torn file counts as absent, as all of them do. */
export async function readClaims(home: Home, vm: VmId): Promise<Claims | null> {
  let claims: Claims | null = null;
  do {
    const count: number = (claims?.count ?? 0) + 1;
    const file = await readJson(home.vm(vm).claim(count), claimSchema);
    if (file.kind !== 'value') return claims;
    claims = { last: file.value, count };
  } while (claims.last.keep !== undefined);
  return claims;
}

/** By its name alone. */
export function isClaimFile(name: string): boolean {
  return /^claim(-[0-9]+)?\.json$/.test(name);
}

/** True for exactly one of all who try for the same number; false, too, when the VM is going. */
export async function linkClaim(home: Home, vm: VmId, number: number, claim: Claim): Promise<boolean> {
  const folder = home.vm(vm);
  const path = folder.claim(number);
  const claimed = await writeJsonOnce(path, claim).catch(nullIfMissing);
  if (claimed !== true) return false;
  if ((await stat(folder.ended).catch(nullIfMissing)) === null) return true;
  // Somebody began to end it in between: then it never was anybody's.
  await rm(path, { force: true });
  return false;
}
