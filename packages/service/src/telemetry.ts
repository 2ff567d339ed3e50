/**
 * Traces through all services: the context travels in message headers. Spans are made always, so that logs and events
 * of one task share a trace id; they are exported only when an OTLP endpoint is configured.
 */
import { NodeSDK } from '@opentelemetry/sdk-node';

/** Keeps spans in this process: without it the SDK would dial its default endpoint. */
const keepToOurselves = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

/** Starts the OpenTelemetry SDK for this process; exporters read their endpoint from `OTEL_EXPORTER_OTLP_ENDPOINT`. */
export function startTelemetry(service: string, exporting: boolean): AsyncDisposable {
  const silent = { spanProcessors: [keepToOurselves], metricReaders: [], logRecordProcessors: [] };
  const sdk = new NodeSDK({ serviceName: `vm-task-${service}`, instrumentations: [], ...(exporting ? {} : silent) });
  sdk.start();
  return { [Symbol.asyncDispose]: () => sdk.shutdown() };
}
