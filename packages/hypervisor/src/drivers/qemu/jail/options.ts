/** What a program in a jail is given, and what it is started as. */
import type { Owner } from '../../../host/own-folder.ts';
import type { CloneClass } from '../record.ts';
import type { Program } from '../start-qemu.ts';
import type { Inside } from './inside.ts';

export interface JailOptions extends Inside {
  readonly wayOut: WayOut;
  /** Where the program listens inside, and where that is reached from on the host, on 127.0.0.1. */
  readonly port: number;
  /** Whom all of it runs as when we are root. Else null, and it runs as we do. */
  readonly owner: Owner | null;
}

/** What the program's network namespace leads to. `denied`: IPv4 addresses and ranges to which nothing leads. */
export type WayOut =
  | { readonly kind: 'none' }
  | { readonly kind: 'names'; readonly allow: readonly string[]; readonly denied: readonly string[] }
  | { readonly kind: 'internet'; readonly denied: readonly string[] };

export function wayOutOf({ egress, allow }: Pick<CloneClass, 'egress' | 'allow'>, denied: readonly string[]): WayOut {
  if (egress === 'internet') return { kind: 'internet', denied };
  return allow.length === 0 ? { kind: 'none' } : { kind: 'names', allow, denied };
}

/** What `startQemu` needs to start a program. */
export type Jailed = Pick<Program, 'argv' | 'runAs' | 'port'>;
