/** Spans across services: a handler's span is the child of the event that it handles. */
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FlowRow } from '@vm-task/shared/flow';

const tracer = trace.getTracer('vm-task');

/** Runs `action` in a consumer span below `traceparent`; everything published inside carries it on. */
export async function inSpanOf<T>(traceparent: string | null, row: FlowRow, action: () => Promise<T>): Promise<T> {
  const parent = traceparent === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
  const span = tracer.startSpan(`${row.service} ${row.file}`, { kind: SpanKind.CONSUMER }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), action);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}
