/** Telling people what whoever asks is not told, or cannot help: that new tasks are refused, or that acts are not recorded. */
import type { Bus } from '@vm-task/bus/bus';
import type { Logger } from '@vm-task/service/log';
import { anyHost } from '@vm-task/shared/events';
import type { Refusal } from './admission.ts';

interface Reporting {
  readonly bus: Pick<Bus, 'announce'>;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Emits alert.raised. Returns at once: what is full may take it only later, or never. */
export function reportRefusal(reporting: Reporting, { shortage, reason }: Refusal): void {
  const what = shortage === 'files' ? 'new tasks that may leave files' : 'new tasks and pipelines';
  const text = `${what} are refused: ${reason}`;
  reporting.log.error({ shortage }, text);
  raise(reporting, { kind: 'tasks-refused', id: shortage, text });
}

/** Emits alert.raised, once the broker takes it. Returns at once. */
export function reportAuditFailure(reporting: Reporting): void {
  const text =
    'acts are not recorded in the audit log: NATS did not take a record within its time. They were answered all the same; the log of intake has them. ./vm-task doctor says what is amiss';
  raise(reporting, { kind: 'audit-log-failing', id: 'audit-log', text });
}

function raise({ bus, log, stop }: Reporting, alert: { kind: string; id: string; text: string }): void {
  const data = { v: 1 as const, severity: 'critical' as const, ...alert };
  bus.announce({ type: 'alert.raised', data, host: anyHost }, stop).catch((error) => {
    if (!stop.aborted) log.warn({ err: error }, `the alert ${alert.kind} could not be reported`);
  });
}
