/** The reaper at work, over whatever bus and hypervisor it is given. */
import { setTimeout as delay } from 'node:timers/promises';
import { type BrokerClock, openBrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import { findSetUp, readCreated } from '@vm-task/bus/find-task';
import { readPipeline } from '@vm-task/bus/read-pipeline';
import { setRetryTimer, wakeRetry } from '@vm-task/bus/retry-timer';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import type { Head } from '@vm-task/shared/events';
import { flow } from '@vm-task/shared/flow';
import { type Role, works } from '@vm-task/shared/roles';
import { type BackgroundJob, BackgroundQueue } from './background-queue.ts';
import { type CheckpointStore, resumeFrom, streamFacts } from './checkpoint.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import type { Overdue } from './deadlines.ts';
import { FirstSeen } from './first-seen.ts';
import { type LateTask, lateAlert } from './late-tasks.ts';
import { LiveLog } from './live-log.ts';
import { NewestTasks } from './newest-tasks.ts';
import { onAnyEvent } from './on-any-event.ts';
import { onTaskCancelling } from './on-task-cancelling.ts';
import { onTaskRetrying, type SetRetryTimer } from './on-task-retrying.ts';
import { alertOf, endOverdue, type Reaping } from './reaping.ts';
import { Retention } from './retention.ts';
import { Saving } from './saving.ts';
import { type Sweeping, sweep, wakeSleeping } from './sweep.ts';
import type { LiveTask } from './task-view.ts';

export interface ReaperOptions {
  readonly bus: Bus;
  readonly hypervisor: Hypervisor;
  readonly config: Pick<SystemConfig, 'pools' | 'drivers' | 'reaper'>;
  /** So long after a limit or a cancelling a runner that is there has ended the task. */
  readonly patienceMs: number;
  readonly host: string;
  /** The control side ends tasks and forgets them; the host's side compares host, ledger and log. */
  readonly role: Role;
  /** Where it stands in the log, from one start to the next. */
  readonly checkpoints: CheckpointStore;
  readonly log: Logger;
  /** Aborted: begin nothing more. */
  readonly stop: AbortSignal;
  /** Aborted: give up what is in flight. */
  readonly abort: AbortSignal;
}

/** Answers to cancelling and retrying are one publish each. */
const answersAtOnce = 8;

/** Works until `stop`; resolves when nothing is in flight any more. */
export async function startReaper(options: ReaperOptions): Promise<void> {
  const { bus, config, patienceMs, role, checkpoints, stop, abort } = options;
  const clock = await openBrokerClock(() => bus.now(), abort);
  const stream = await streamFacts(bus.connection);
  const live = new LiveLog(patienceMs, await resumeFrom(checkpoints, bus.connection, stream));
  const background = backgroundQueueOf(options);
  const sweeping: Sweeping = {
    ...reapingOf(options, clock, live),
    background,
    readPipeline: (pipeline) => readPipeline(bus.connection, pipeline),
    seen: new FirstSeen(),
    told: new Set<string>(),
    woken: new WeakSet<LiveTask>(),
    patience: { sweepMs: config.reaper.sweep, orphanGraceMs: config.reaper.orphanGrace },
    liveTasks: () => live.deadlines.live(),
    forget: (task) => live.deadlines.forget(task),
  };
  using ends = works(role, 'control') ? openEnds(options, sweeping, live) : null;
  const look = async () => {
    ends?.look();
    if (works(role, 'host')) await sweep(sweeping);
  };
  const saving = new Saving(() => checkpoints.save(live.checkpoint(stream.created)));
  const take = (seq: number, event: Head | null) => {
    live.take(seq, event);
    saving.moved();
  };
  if (live.seq >= stream.lastToRead) ends?.arm();
  const reading = onAnyEvent({ bus, from: live.seq + 1, take, onCaughtUp: () => ends?.arm(), stop });
  await Promise.all([reading, ends?.work(), lookAgainAndAgain(look, options)]);
  await background.ended();
  saving.now();
}

function backgroundQueueOf({ bus, log, stop, abort }: ReaperOptions): BackgroundQueue {
  return new BackgroundQueue({
    log,
    stop,
    alert: ({ id, what }, reason) => bus.announce(alertOf('reaper-failing', id, `${what} ${id}: ${reason}`), abort),
  });
}

function reapingOf(options: ReaperOptions, clock: BrokerClock, { deadlines }: LiveLog): Reaping {
  const { connection } = options.bus;
  return {
    ...options,
    clock,
    hasVms: works(options.role, 'host'),
    isSetUp: async (key, host) => (await findSetUp(connection, key, host)) !== null,
    findCreated: (key) => readCreated(connection, key),
    forget: (task) => deadlines.forget(task),
    wakeRetry: (key, host, retrying) => wakeRetry(connection, key, host, retrying),
  };
}

/** A minute by default. */
const sweepsBetweenCounts = 12;

/** The control side: tasks end when they are out of time, and are forgotten. */
function openEnds({ bus, config, stop, abort }: ReaperOptions, sweeping: Sweeping, live: LiveLog) {
  const { clock, background, findCreated } = sweeping;
  const { deadlines, late, resumed } = live;
  const onDue = (overdue: Overdue) => background.start(endingOf(overdue), () => endOverdue(sweeping, overdue));
  const timer = new DeadlineTimer(deadlines, clock, onDue);
  const onLate = (one: LateTask) =>
    background.start({ id: one.task, what: 'reporting a late task' }, () =>
      bus.announce(lateAlert(one), abort, { once: true }),
    );
  const lateTimer = new DeadlineTimer(late, clock, onLate);
  const { connection } = bus;
  const { retention: retentionMs, maxTasks, sweep: sweepMs } = config.reaper;
  const counting = { connection, clock, everyMs: sweepMs * sweepsBetweenCounts, stop };
  const newest = maxTasks === undefined ? null : new NewestTasks({ ...counting, maxTasks });
  const retention = new Retention({ connection, clock, retentionMs, newest, resumed, stop });
  const answers = { slots: answersAtOnce, stop, abort };
  const setTimer: SetRetryTimer = async (retrying) => {
    const created = await findCreated(retrying.data);
    if (created !== null) await setRetryTimer(bus.connection, retrying, created.host);
  };
  return {
    arm() {
      timer.arm();
      lateTimer.arm();
    },
    /** What the log says first may no longer hold by what it says last, so it has to be read to its end before. */
    look() {
      wakeSleeping(sweeping);
      if (!timer.isArmed) return;
      for (const overdue of deadlines.allOverdue(clock.nowMs())) onDue(overdue);
      for (const one of late.allDue(clock.nowMs())) onLate(one);
      background.start({ id: 'EVENTS', what: 'forgetting what ended long ago' }, () => retention.forgetOld());
    },
    work: () =>
      Promise.all([
        bus.workEvents(flow.reaperOnTaskCancelling, onTaskCancelling, answers),
        bus.workEvents(flow.reaperOnTaskRetrying, onTaskRetrying(setTimer), answers),
      ]),
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      lateTimer[Symbol.dispose]();
    },
  };
}

/** One for each head: that of an older one may be under way just now, and about to be superseded. */
function endingOf({ task: { task, headSeq }, due }: Overdue): BackgroundJob {
  return { id: task, what: 'ending an overdue task', on: `${due.kind} ${headSeq}` };
}

/** A look that fails is followed by the next: the host may be short of something for a while. */
async function lookAgainAndAgain(look: () => Promise<void>, { config, log, stop }: ReaperOptions): Promise<void> {
  while (!stop.aborted) {
    await look().catch((error) => log.warn({ err: error }, 'the sweep could not be finished'));
    await delay(config.reaper.sweep, undefined, { signal: stop }).catch(() => undefined);
  }
}
