/** `GET /metrics`: tasks by pool, status and outcome, the queue, HTTP and the process, as Prometheus reads them. */
import { systemRoutes } from '@vm-task/api/system';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Projection } from '../projection/projection.ts';
import { countTasks, oldestQueued } from '../projection/task-counts.ts';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

/** From a read of the projection to the broker's absence that a submission waits out. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 20];

export function metricsRoute(app: App, { projection }: HttpDeps): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addTaskMetrics(registry, projection);
  const requests = new Histogram({
    name: 'vm_task_http_request_seconds',
    help: 'Time to the end of an answer, live streams left out',
    labelNames: ['method', 'route', 'status'],
    buckets: secondsBuckets,
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
    const route = request.routeOptions.url ?? 'unknown';
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });
  serve(app, systemRoutes.metrics, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}

function addTaskMetrics(registry: Registry, projection: Projection): void {
  const registers = [registry];
  new Gauge({
    name: 'vm_task_tasks',
    help: 'Tasks that are kept, by pool, status and outcome',
    labelNames: ['pool', 'status', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const { pool, status, outcome, tasks } of countTasks(projection.db)) {
        this.set({ pool, status, outcome: outcome ?? '' }, tasks);
      }
    },
  });
  new Gauge({
    name: 'vm_task_queue_oldest_seconds',
    help: 'How long the oldest queued task of a pool has waited for a VM',
    labelNames: ['pool'],
    registers,
    collect() {
      this.reset();
      for (const { pool, createdAt } of oldestQueued(projection.db)) {
        this.set({ pool }, Math.max(0, (Date.now() - createdAt) / 1_000));
      }
    },
  });
  new Gauge({
    name: 'vm_task_projection_sequence',
    help: 'The last sequence of EVENTS that is shown',
    registers,
    collect() {
      this.set(projection.position);
    },
  });
  new Gauge({
    name: 'vm_task_projection_behind',
    help: 'At most so many events are not shown yet',
    registers,
    collect() {
      this.set(projection.behind);
    },
  });
}
