/**
 * The HTTP API.
 *
 * | file | role |
 * |---|---|
 * | `server.ts` | bodies, validation, what routes are given |
 * | `guard.ts`, `tls.ts` | token, role and host name; the certificate |
 * | `read-body.ts` | bodies as they come |
 * | `problem.ts`, `client-error.ts`, `method-not-allowed.ts` | errors as problem details |
 * | `find-task.ts` | an id or its beginning → the task |
 * | `read-projection.ts` | what is shown, and how much is not yet |
 * | `submit-task.ts`, `list-tasks.ts`, `show-task.ts`, `cancel-task.ts`, `retry-task.ts`, `answer-task.ts` | tasks |
 * | `task-events.ts`, `task-logs.ts`, `sse.ts` | events and output, also live |
 * | `task-artifacts.ts` | files |
 * | `pipelines.ts`, `find-pipeline.ts` | pipelines |
 * | `dead-letters.ts` | what no handler could take |
 * | `inbox.ts` | messages |
 * | `templates.ts` | tasks and pipelines by name |
 * | `secrets.ts` | secrets: set, listed without their values, removed |
 * | `tokens.ts`, `teams.ts` | who may ask for what; what teams use |
 * | `audit-acts.ts`, `audit.ts` | the audit log, written for every route, and shown |
 * | `list-pools.ts`, `health.ts`, `metrics.ts` | the system |
 * | `serve.ts`, `parse-body.ts`, `append-limit.ts` | a route of the contract (`packages/api`), served |
 * | `openapi.ts`, `openapi-components.ts` | all of it described |
 * | `listen.ts` | the home's socket, the port and `run/http.json` |
 */
import { answerTaskRoutes } from './answer-task.ts';
import { auditRoute } from './audit.ts';
import { auditActs } from './audit-acts.ts';
import { cancelTaskRoute } from './cancel-task.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { guardApp } from './guard.ts';
import { healthRoutes } from './health.ts';
import { inboxRoutes } from './inbox.ts';
import { listHostsRoute } from './list-hosts.ts';
import { listPoolsRoute } from './list-pools.ts';
import { listTasksRoute } from './list-tasks.ts';
import { notServed } from './method-not-allowed.ts';
import { metricsRoute } from './metrics.ts';
import { describeApi } from './openapi.ts';
import { pipelineRoutes } from './pipelines.ts';
import { sendProblem } from './problem.ts';
import { retryTaskRoute } from './retry-task.ts';
import { secretRoutes } from './secrets.ts';
import { type App, createServer, type HttpDeps } from './server.ts';
import { showTaskRoute } from './show-task.ts';
import { submitTaskRoute } from './submit-task.ts';
import { taskArtifactsRoute } from './task-artifacts.ts';
import { taskEventsRoute } from './task-events.ts';
import { taskLogsRoute } from './task-logs.ts';
import { teamRoutes } from './teams.ts';
import { templateRoutes } from './templates.ts';
import { tokenRoutes } from './tokens.ts';

export async function createApp(deps: HttpDeps): Promise<App> {
  const app = createServer();
  guardApp(app, deps, deps.config.http.host);
  auditActs(app, deps);
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, deps.log));
  app.setNotFoundHandler((request, reply) => {
    return sendProblem(notServed(request, reply), request, reply, deps.log);
  });
  await describeApi(app);
  addRoutes(app, deps);
  return app;
}

function addRoutes(app: App, deps: HttpDeps): void {
  metricsRoute(app, deps);
  submitTaskRoute(app, deps);
  listTasksRoute(app, deps);
  showTaskRoute(app, deps);
  cancelTaskRoute(app, deps);
  retryTaskRoute(app, deps);
  answerTaskRoutes(app, deps);
  taskEventsRoute(app, deps);
  taskLogsRoute(app, deps);
  taskArtifactsRoute(app, deps);
  listPoolsRoute(app, deps);
  listHostsRoute(app, deps);
  pipelineRoutes(app, deps);
  templateRoutes(app, deps);
  secretRoutes(app, deps);
  deadLetterRoutes(app, deps);
  inboxRoutes(app, deps);
  tokenRoutes(app, deps);
  teamRoutes(app, deps);
  auditRoute(app, deps);
  healthRoutes(app, deps);
}
