/** Structured logs: one JSON object a line on stderr, with the service, and the task and event wherever there is one. */
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export function createLogger(service: string, level: string): Logger {
  return pino(
    { name: service, level, base: { service, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** For unit tests and for code that runs outside a service. */
export const silentLogger: Logger = pino({ level: 'silent' });
