/**
 * Traces through all services: the context travels in message headers. Spans are made always, so that logs and events
 * of one task share a trace id; they are exported only when an OTLP endpoint is configured. What exports is large, and
 * loaded only then.
 */
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { TracerProvider } from '@opentelemetry/sdk-trace';

/** Starts OpenTelemetry for this process; exporters read their endpoint from `OTEL_EXPORTER_OTLP_ENDPOINT`. */
export async function startTelemetry(service: string, exporting: boolean): Promise<AsyncDisposable> {
  return exporting ? await exportAll(service) : keepToOurselves();
}

async function exportAll(service: string): Promise<AsyncDisposable> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({ serviceName: `vm-task-${service}`, instrumentations: [] });
  sdk.start();
  return { [Symbol.asyncDispose]: () => sdk.shutdown() };
}

function keepToOurselves(): AsyncDisposable {
  const provider = new TracerProvider();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return { [Symbol.asyncDispose]: () => provider.shutdown() };
}
