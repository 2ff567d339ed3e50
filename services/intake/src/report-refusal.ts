/** Telling people that new tasks are refused: whoever submits by NATS is not told, and whoever does by HTTP cannot help it. */
import type { Bus } from '@vm-task/bus/bus';
import type { Logger } from '@vm-task/service/log';
import { anyHost } from '@vm-task/shared/events';
import type { Refusal } from './admission.ts';

/** Emits alert.raised. Returns at once: what is full may take it only later, or never. */
export function reportRefusal(
  { bus, log, stop }: { readonly bus: Pick<Bus, 'announce'>; readonly log: Logger; readonly stop: AbortSignal },
  { shortage, reason }: Refusal,
): void {
  const what = shortage === 'files' ? 'new tasks that may leave files' : 'new tasks and pipelines';
  const text = `${what} are refused: ${reason}`;
  const data = { v: 1 as const, severity: 'critical' as const, kind: 'tasks-refused', id: shortage, text };
  log.error({ shortage }, text);
  bus.announce({ type: 'alert.raised', data, host: anyHost }, stop).catch((error) => {
    if (!stop.aborted) log.warn({ err: error }, 'that tasks are refused could not be reported');
  });
}
