/** What a program in a jail is given, and what it is started as. */
import type { Owner } from '../../../host/own-folder.ts';
import type { Egress } from '../../../vm-class.ts';
import type { Program } from '../start-qemu.ts';
import type { Inside } from './inside.ts';

export interface JailOptions extends Inside {
  readonly egress: Egress;
  /** Where nobody may go who may go anywhere: IPv4 addresses and ranges. */
  readonly denied: readonly string[];
  /** Where the program listens inside, and where that is reached from on the host, on 127.0.0.1. */
  readonly port: number;
  /** Whom all of it runs as when we are root. Else null, and it runs as we do. */
  readonly owner: Owner | null;
}

/** What `startQemu` needs to start a program. */
export type Jailed = Pick<Program, 'argv' | 'runAs' | 'port'>;
