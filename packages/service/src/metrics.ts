/** What is measured, for whoever watches from outside; without an OTLP endpoint it goes nowhere, and costs nothing. */
import { metrics } from '@opentelemetry/api';

type Attributes = Readonly<Record<string, string>>;

/** Records durations in seconds. The instrument is made at its first use, which is after the telemetry was started. */
export function secondsHistogram(name: string, description: string, bounds: readonly number[]) {
  const make = () =>
    metrics
      .getMeter('vm-task')
      .createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: [...bounds] } });
  let histogram: ReturnType<typeof make> | null = null;
  return (ms: number, attributes: Attributes): void => {
    histogram ??= make();
    histogram.record(ms / 1_000, attributes);
  };
}

/** Counts what has happened. */
export function counter(name: string, description: string) {
  const make = () => metrics.getMeter('vm-task').createCounter(name, { description });
  let made: ReturnType<typeof make> | null = null;
  return (count: number, attributes: Attributes): void => {
    made ??= make();
    made.add(count, attributes);
  };
}

/** Records how many there are now. */
export function countGauge(name: string, description: string) {
  const make = () => metrics.getMeter('vm-task').createGauge(name, { description });
  let gauge: ReturnType<typeof make> | null = null;
  return (count: number): void => {
    gauge ??= make();
    gauge.record(count);
  };
}
