/**
 * intake: everything that makes tasks, and what people read about them.
 *
 * | file | role |
 * |---|---|
 * | `on-task-submit.ts`, `on-task-cancel.ts`, `plan-or-reason.ts` | commands from any NATS client |
 * | `on-task-spawn.ts`, `on-message-read.ts` | what tasks ask the guest API for: tasks, marks of messages that they read |
 * | `on-task-cancelling.ts`, `cancel-child.ts` | tasks that a task asked for are cancelled with it |
 * | `on-deadletter-replay.ts` | whoever could not handle a message is asked to try again |
 * | `accept-task.ts`, `cancel-task.ts`, `answer-task.ts` | by HTTP: the same, and answers |
 * | `work-pipelines.ts`, `on-pipeline-*.ts`, `on-task-completed.ts`, `pipelines/` | pipelines |
 * | `expressions/` | expressions of others, in a thread of their own |
 * | `admission.ts`, `report-refusal.ts` | room for new tasks, or a refusal in time, of which people are told |
 * | `work-alerts.ts`, `on-alert-raised.ts`, `alerts/` | alerts to inboxes and webhooks |
 * | `on-any-event.ts`, `projection/`, `progress-of.ts` | `EVENTS` as tables; what running tasks say of themselves |
 * | `quotas.ts`, `quota-refusal.ts`, `follow-messages.ts`, `keep-quota-refusals.ts` | what a team may still have |
 * | `accept-once.ts`, `hash-of-body.ts` | the same key is the same task |
 * | `people/` | tokens, who asks, and what of it is recorded |
 * | `http/` | the API that `packages/api` declares |
 *
 * Responsible for I1 (a yes only after the stream's acknowledgement), for its part of I2 (the first terminal event is
 * what is shown) and I13 (new tasks are refused while there is still room for running ones).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { storeAuditRecord } from '@vm-task/bus/audit-log';
import { openBrokerClock } from '@vm-task/bus/broker-clock';
import { findCreated, findLast, hadVmOn } from '@vm-task/bus/find-task';
import { keysOf } from '@vm-task/bus/idempotency';
import { lastEventSeq } from '@vm-task/bus/last-event';
import { childrenOf } from '@vm-task/bus/spawn-task';
import { nextToken } from '@vm-task/bus/tokens';
import type { SystemConfig } from '@vm-task/service/config';
import { runService, type ServiceContext } from '@vm-task/service/service';
import type { HostToken } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import type { TaskKey } from '@vm-task/shared/subjects';
import { createAdmission, measureRoom } from './admission.ts';
import { ExpressionThread } from './expressions/expression-thread.ts';
import { countMessagesOfTeams } from './follow-messages.ts';
import { createApp } from './http/app.ts';
import { readToken } from './http/guard.ts';
import { announce, closeNow, finishHttp, listenAt, listenInHome } from './http/listen.ts';
import { followIdentity, readIdentity } from './http/tls.ts';
import { keepQuotaRefusals } from './keep-quota-refusals.ts';
import { onAnyEvent } from './on-any-event.ts';
import { onDeadletterReplay } from './on-deadletter-replay.ts';
import { onMessageRead } from './on-message-read.ts';
import { onTaskCancel } from './on-task-cancel.ts';
import { onTaskCancelling } from './on-task-cancelling.ts';
import { onTaskSpawn } from './on-task-spawn.ts';
import { onTaskSubmit } from './on-task-submit.ts';
import { createAuditTrail } from './people/audit-trail.ts';
import { createGuessLimit } from './people/guess-limit.ts';
import { createTokenBook, followTokens } from './people/token-book.ts';
import { isPlainTask } from './projection/is-plain-task.ts';
import { keepRetention } from './projection/keep-retention.ts';
import { openDatabase } from './projection/open-database.ts';
import { createProjection, type Projection } from './projection/projection.ts';
import { type MessageCounts, openMessageCounts } from './projection/team-messages.ts';
import { createQuotas } from './quotas.ts';
import { reportAuditFailure, reportRefusal } from './report-refusal.ts';
import { workAlerts } from './work-alerts.ts';
import { pipelineReader, workPipelines } from './work-pipelines.ts';

/** Submissions at once: each waits for one fsync of the broker. */
const submitSlots = 16;
const cancelSlots = 4;
const pipelineSlots = 64;
/** An answer waits for its record in the audit log no longer. */
const auditMs = 2_000;
/** Retention is counted in days. */
const retentionSweepMs = 60_000;

await runService({
  name: 'intake',
  streams: ['EVENTS', 'COMMANDS', 'CHILDREN', 'LOGS', 'DEAD', 'INBOX', 'AUDIT'],
  run,
});

async function run(context: ServiceContext): Promise<void> {
  const { bus, config, log, stop, abort, environment } = context;
  const token = readToken(environment.home);
  const { tls } = config.http;
  const identity = tls === undefined ? null : readIdentity(environment.home, tls);
  using projection = await openProjection(context);
  const messageCounts = await openCounts(context, projection);
  const clock = await openBrokerClock(bus.now, stop);
  const quotas = createQuotas({ teams: config.teams, projection, nowMs: clock.nowMs });
  await using expressions = new ExpressionThread();
  const people = await openPeople(context);
  const deps = {
    ...{ bus, config, projection, quotas, expressions, token, identity, log, stop, now: Date.now },
    ...people,
    ...brokerQuestions(context),
  };
  const app = await createApp(deps);
  await using _http = { [Symbol.asyncDispose]: () => closeNow(app) };
  using _inHome = await listenInHome(app, environment.home);
  using listener = await listenAt(app, config.http, identity);
  using _announced = announce(environment.home, listener.url);
  // What is submitted needs the stream alone, so nobody waits for the projection.
  context.ready();
  const drain = { stop, abort };
  await Promise.all([
    onAnyEvent(deps, stop),
    followTokens(people.tokens, stop, log),
    countMessagesOfTeams(bus.connection, messageCounts, { log, stop }),
    keepQuotaRefusals({ ...deps, connection: bus.connection }, stop),
    bus.workMessages(flow.intakeOnTaskSubmit, (handling) => onTaskSubmit(deps, handling), {
      slots: submitSlots,
      ...drain,
    }),
    bus.workMessages(flow.intakeOnTaskSpawn, (handling) => onTaskSpawn(deps, handling), {
      slots: submitSlots,
      ...drain,
    }),
    bus.workMessages(flow.intakeOnMessageRead, (handling) => onMessageRead(deps, handling), {
      slots: cancelSlots,
      ...drain,
    }),
    bus.workMessages(flow.intakeOnTaskCancel, (handling) => onTaskCancel(deps, handling), {
      slots: cancelSlots,
      ...drain,
    }),
    // What follows is not over with the task, so its later events do not matter.
    bus.workEvents(flow.intakeOnTaskCancelling, (handling) => onTaskCancelling(deps, handling), {
      slots: cancelSlots,
      past: true,
      ...drain,
    }),
    bus.workMessages(flow.intakeOnDeadletterReplay, (handling) => onDeadletterReplay(bus, handling), {
      slots: 1,
      ...drain,
    }),
    workPipelines({ ...deps, isPlain: (task) => isPlainTask(projection.db, task), slots: pipelineSlots, ...drain }),
    workAlerts({ ...deps, home: environment.home, ...drain }),
    keepRetention({ db: projection.db, now: bus.now, ...retentionOf(config), log }, sweeps(stop)),
    ...(identity === null ? [] : [followIdentity(identity, listener.useCertificate, stop, log)]),
    finishHttp(app, listener, stop, abort),
  ]);
}

/** Whoever has a token that is there is known from the first request on. */
async function openPeople({ bus, log, stop }: ServiceContext) {
  const { connection } = bus;
  const monotonic = () => performance.now();
  const tokens = createTokenBook({ next: (after) => nextToken(connection, after), now: Date.now, monotonic });
  await tokens.refresh();
  const audit = createAuditTrail({
    store: (record) => storeAuditRecord(connection, record, auditMs),
    report: () => reportAuditFailure({ bus, log, stop }),
    monotonic,
    log,
  });
  return { tokens, guesses: createGuessLimit(monotonic), audit };
}

/** Whatever is in the stream now is caught up with, beside everything else. */
async function openProjection({ bus, environment }: ServiceContext): Promise<Projection> {
  const { created, state } = await bus.connection.jsm.streams.info('EVENTS');
  const stream = { created, lastSeq: state.last_seq };
  const projection = createProjection(openDatabase(environment.home.projection, stream));
  projection.catchUp(await lastEventSeq(bus.connection));
  return projection;
}

async function openCounts({ bus }: ServiceContext, { db }: Projection): Promise<MessageCounts> {
  const { created, state } = await bus.connection.jsm.streams.info('INBOX');
  return openMessageCounts(db, { created, lastSeq: state.last_seq });
}

function brokerQuestions({ bus, log, stop, environment: { home } }: ServiceContext) {
  const { connection } = bus;
  const measure = () => measureRoom(connection, home.root);
  return {
    admission: createAdmission(
      measure,
      () => performance.now(),
      (refusal) => reportRefusal({ bus, log, stop }, refusal),
    ),
    findCreated: (task: TaskId) => findCreated(connection, task),
    hadVmOn: (key: TaskKey, host: HostToken) => hadVmOn(connection, key, host),
    findCancelling: (key: TaskKey) => findLast(connection, 'task.cancelling', key),
    childrenOf: (parent: TaskId) => childrenOf(connection, parent),
    keys: keysOf(connection),
    readPipeline: pipelineReader(bus),
  };
}

/** As the reaper forgets. */
function retentionOf({ reaper: { retention, maxTasks } }: SystemConfig) {
  return { retentionMs: retention, maxTasks };
}

/** A turn for each sweep of retention. */
async function* sweeps(stop: AbortSignal): AsyncGenerator<void, void, void> {
  while (!stop.aborted) {
    await delay(retentionSweepMs, undefined, { signal: stop }).catch(() => undefined);
    if (!stop.aborted) yield;
  }
}
