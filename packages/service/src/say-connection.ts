/** What a service's log says of its connection to the broker after the first one. */
import type { Connection } from '@vm-task/bus/connection';
import type { Logger } from './log.ts';

/** Ends with the connection. */
export async function sayConnection({ nc }: Pick<Connection, 'nc'>, log: Logger): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') log.warn({ server: status.server }, 'the connection to NATS is lost; dialling');
    if (status.type === 'reconnect') log.info({ server: status.server }, 'connected to NATS again');
  }
}
