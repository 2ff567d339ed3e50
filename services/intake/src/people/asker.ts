/** Whoever asks by HTTP, as its token says. */
import { VmTaskError } from '@vm-task/shared/errors';
import { homeTokenName, type Ownership, type Principal } from '@vm-task/shared/people';
import { isAtLeast, type TokenRole } from '@vm-task/shared/token-roles';

export interface Asker {
  /** Of the token. */
  readonly name: string;
  readonly role: TokenRole;
  /** It submits for this team and sees what is of this team alone; null sees all. */
  readonly team: string | null;
  readonly expiresAt: string | null;
  /** Aborted when the token is over: what it is given live ends. */
  readonly over: AbortSignal;
}

/** Whoever has the home's own token: who can read that file can read all the others. */
export const homeAsker: Asker = {
  name: homeTokenName,
  role: 'admin',
  team: null,
  expiresAt: null,
  over: new AbortController().signal,
};

/** What it submits is its team's, and its own. */
export function ownershipBy({ name, team }: Pick<Asker, 'name' | 'team'>): Ownership {
  return { ...(team === null ? {} : { team }), principal: { kind: 'token', name } };
}

/** True for what it may know of. What has no team is for tokens without one. */
export function sees({ team }: Pick<Asker, 'team'>, thing: Pick<Ownership, 'team'>): boolean {
  return team === null || thing.team === team;
}

export function principalOf({ name }: Pick<Asker, 'name'>): Principal {
  return { kind: 'token', name };
}

/**
 * Of what a submitter may do with its own alone. `submittedBy`: who caused the thing; absent where that is not recorded.
 * @throws `forbidden`.
 */
export function requireOwn(asker: Asker, submittedBy: Principal | undefined, what: string): void {
  if (isAtLeast(asker.role, 'operator')) return;
  if (submittedBy?.kind === 'token' && submittedBy.name === asker.name) return;
  throw new VmTaskError(
    'forbidden',
    `${what} was not submitted with the token "${asker.name}", which is a submitter's; this takes an operator's`,
  );
}
