/** The system that commands about tasks speak to: that of a home on this machine, or another one over HTTP. */
import type { Client } from '@vm-task/client/client';

export interface System {
  readonly client: Client;
  /** Returns when it is up. One of this machine is started; `onWait` is called with what is waited for. */
  up(onWait: (what: string) => void): Promise<void>;
  /** What holds up the tasks of a pool, where that is known here. */
  poolNote(pool: string): string | null;
}
