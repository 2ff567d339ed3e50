/** One attempt from its beginning to its terminal event: setup, main process, artifacts, result. */

import { findSetUp, readCreated } from '@vm-task/bus/find-task';
import { readHostKey } from '@vm-task/bus/host-key';
import { openSecret } from '@vm-task/bus/open-secret';
import { beginLog, type LogWriter, openLogWriter } from '@vm-task/bus/output-log';
import type { Job, JobEnd } from '@vm-task/guest/job';
import type { Logger } from '@vm-task/service/log';
import type { Draft, EventData, Stored } from '@vm-task/shared/events';
import type { LogStream } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import type { Attempt } from './attempt.ts';
import { collectArtifacts, collectOfStopped } from './collect-artifacts.ts';
import { Contact, refusedLimitMs } from './contact.ts';
import {
  attemptOutcomeOf,
  completed,
  endsTheAttempt,
  failed,
  hasRun,
  outcomeWith,
  outputOf,
  type Stop,
  stopped,
} from './ending.ts';
import { followJob, type OutputSink } from './follow-job.ts';
import { GuestApi } from './guest-api/serve-guest-api.ts';
import { boundedLog, type GuestLog } from './guest-log.ts';
import { placeNeededFiles } from './place-needed-files.ts';
import { planMain, planSetup } from './plan-jobs.ts';
import { Pump } from './pump.ts';
import { type ReadNeeds, readNeeds } from './read-needs.ts';
import { readResult } from './read-result.ts';
import { runSetup, type SetupOutcome } from './run-setup.ts';
import type { Running } from './runner-parts.ts';
import { readSecrets, Secrets } from './secrets.ts';
import { type Limit, LimitTimer, limitOf } from './time-limit.ts';

type Completed = Draft<'task.completed'>;

/** What to append with the sequence that the attempt expects. @throws whatever is not the attempt's own end, see `endsTheAttempt`. */
export async function runAttempt(attempt: Attempt, parts: Running, log: Logger): Promise<Completed> {
  const { ready, capabilities, signal } = attempt;
  const { connect, isVmAlive } = parts;
  const bounded = boundedLog(log);
  const refusedMs = capabilities.ownSystem ? refusedLimitMs : null;
  await using contact = new Contact({ ready, connect, isVmAlive, refusedMs, signal, log: bounded });
  return await new Run(attempt, parts, contact, bounded).toItsEnd();
}

class Run {
  readonly #attempt: Attempt;
  readonly #parts: Running;
  readonly #contact: Contact;
  readonly #log: GuestLog;
  #secrets = new Secrets({});
  /** When the process began, or before that when it could have at the earliest. */
  #runningSince: Date;
  #needs: ReadNeeds['values'] | null = null;
  /** Of what the attempt is in, or was in last; null before it has begun. */
  #limit: LimitTimer | null = null;

  constructor(attempt: Attempt, parts: Running, contact: Contact, log: GuestLog) {
    this.#attempt = attempt;
    this.#runningSince = attempt.readyAt;
    this.#parts = parts;
    this.#contact = contact;
    this.#log = log;
  }

  async toItsEnd(): Promise<Completed> {
    const { ready, signal } = this.#attempt;
    try {
      return this.#masked(await this.#work());
    } catch (error) {
      signal.throwIfAborted();
      if (!endsTheAttempt(error)) throw error;
      const stop = this.#isStopping() ? await this.#stop() : null;
      return this.#masked(stop === null ? failed(ready, error.info) : stopped(ready, stop));
    }
  }

  #isStopping(): boolean {
    return this.#attempt.cancelling.aborted || this.#limit?.reached.aborted === true;
  }

  /** Why the attempt was stopped: a cancelling in the log goes before a limit, whichever runner heard of it. */
  async #stop(): Promise<Stop> {
    const { ready, cancelling } = this.#attempt;
    const head = cancelling.aborted ? null : await this.#parts.bus.head(ready);
    this.#attempt.cancel(head);
    if (cancelling.aborted || this.#limit === null) return { outcome: 'cancelled', error: null };
    return { outcome: 'timed_out', error: this.#limit.error };
  }

  async #work(): Promise<Completed> {
    // At once, because each answer of the broker is waited for by every task.
    const reading = [this.#created(), this.#openLog('stdout'), this.#openLog('stderr')] as const;
    const [created, ...logs] = await Promise.all(reading);
    const submitted = created.data.spec;
    this.#secrets = await this.#readSecrets(created.data);
    const spec = await this.#give(submitted);
    const job = planMain(this.#attempt, spec, this.#secrets.environment, this.#needs);
    const ended = await this.#setUp(spec, created);
    if (ended !== null) return ended;
    const limit = limitOf('run', this.#runningSince, created);
    await using guestApi = this.#guestApi(created, job, limit);
    const end = await this.#runMain(job, logs, this.#timer(limit, created), guestApi);
    if (end === 'not-begun') return stopped(this.#attempt.ready, await this.#stop());
    return this.#conclude(end, job, spec);
  }

  #timer(limit: Limit, created: Stored<'task.created'>): LimitTimer {
    this.#limit = new LimitTimer(limit, created, this.#parts.clock);
    return this.#limit;
  }

  #readSecrets(task: EventData<'task.created'>): Promise<Secrets> {
    const { bus, home } = this.#parts;
    const { host } = this.#attempt.ready;
    return readSecrets(home, task, (secret) => openSecret(bus.connection, host, secret, readHostKey(home)));
  }

  /** What needed stages left behind is at hand, and the environment says where their files are. */
  async #give(spec: TaskSpec): Promise<TaskSpec> {
    const { connection } = this.#parts.bus;
    const needed = await readNeeds(connection, spec);
    this.#needs = needed?.values ?? null;
    const folder = await placeNeededFiles(this.#attempt, this.#contact, connection, needed?.files ?? []);
    return folder === null ? spec : { ...spec, env: { ...spec.env, VM_TASK_NEEDS_FILES: folder } };
  }

  async #created(): Promise<Stored<'task.created'>> {
    const created = await readCreated(this.#parts.bus.connection, this.#attempt.ready);
    if (created === null) throw new Error(`task ${this.#attempt.ready.task} has no task.created`);
    return created;
  }

  /** Null when every step ran, now or under an earlier runner, and `task.setup.done` is stored. */
  async #setUp(spec: TaskSpec, created: Stored<'task.created'>): Promise<Completed | null> {
    const { bus } = this.#parts;
    const { ready, readyAt, resumed, signal, cancelling } = this.#attempt;
    if (resumed) {
      const setUp = await findSetUp(bus.connection, ready, ready.host);
      if (setUp !== null) {
        this.#enterRun(setUp);
        return null;
      }
      if (spec.setup.length > 0) this.#attempt.enter('setup');
    }
    const outcome = await this.#runSteps(spec, this.#timer(limitOf('setup', readyAt, created), created));
    if (outcome.kind === 'failed') return failed(ready, outcome.error);
    if (outcome.kind === 'stopped') return stopped(ready, await this.#stop());
    // Whether the process is there decides then, not whether it may be started.
    if (cancelling.aborted) return null;
    const { task, pool, attempt, host } = ready;
    const data = { v: 1 as const, task, pool, attempt, steps: outcome.steps };
    const appended = await bus.append({ type: 'task.setup.done', data, host }, this.#attempt.expectedSeq, signal);
    // What one's own append says of the time is the wall clock of this host.
    if (appended.kind === 'stored') {
      this.#runningSince = new Date(this.#parts.clock.nowMs());
      return null;
    }
    this.#attempt.cancel(appended.head);
    if (!cancelling.aborted) throw new Error('another event came before the process was started');
    return stopped(ready, await this.#stop());
  }

  #enterRun(setUp: Stored<'task.setup.done'>): void {
    this.#attempt.enter('run');
    this.#runningSince = setUp.time;
  }

  async #runSteps(spec: TaskSpec, timer: LimitTimer): Promise<SetupOutcome> {
    using limit = timer;
    const jobs = planSetup(this.#attempt, spec, this.#needs, this.#secrets);
    if (jobs.length === 0) return { kind: 'ready', steps: [] };
    using pump = new Pump(await this.#openLog('setup'), this.#secrets, this.#attempt.signal);
    const options = this.#followOptions('setup', limit);
    const outcome = await runSetup(this.#attempt, this.#contact, jobs, pump, this.#secrets, options);
    await pump.finish();
    return outcome;
  }

  #guestApi(created: Stored<'task.created'>, job: Job, { atMs }: Limit): GuestApi {
    const deadline = new Date(atMs);
    const asking = { attempt: this.#attempt, created, needs: this.#needs, secrets: this.#secrets, job, deadline };
    return new GuestApi(asking, { ...this.#parts, log: this.#log });
  }

  async #runMain(
    job: Job,
    [outLog, errLog]: readonly [LogWriter, LogWriter],
    timer: LimitTimer,
    guestApi: GuestApi,
  ): Promise<JobEnd | 'not-begun'> {
    using limit = timer;
    const { signal } = this.#attempt;
    using stdout = new Pump(outLog, this.#secrets, signal);
    using stderr = new Pump(errLog, this.#secrets, signal);
    const pumps = { stdout, stderr };
    const sink: OutputSink = {
      get from() {
        return { stdout: stdout.next, stderr: stderr.next };
      },
      take: ({ stream, bytes }) => pumps[stream].push(bytes),
    };
    const options = { ...this.#followOptions('run', limit), guestApi };
    const end = await followJob(this.#attempt, this.#contact, job, sink, options);
    await Promise.all([stdout.finish(), stderr.finish()]);
    return end;
  }

  async #conclude(end: JobEnd, { limits }: Job, spec: TaskSpec): Promise<Completed> {
    const { ready } = this.#attempt;
    const stop = end.stopped ? await this.#stop() : null;
    const own = attemptOutcomeOf(end, limits, stop);
    const facts = { output: outputOf(end), processMs: end.ranMs };
    if (!hasRun(end)) return completed(ready, own, facts);
    const parts = { bus: this.#parts.bus, secrets: this.#secrets, log: this.#log };
    const collect = stop === null ? collectArtifacts : collectOfStopped;
    const { error: refused, ...kept } = await collect(this.#attempt, this.#contact, spec, parts);
    const { result, error: notTaken } = readResult(end, this.#secrets);
    return completed(ready, outcomeWith(own, refused ?? notTaken), { ...facts, ...kept, result });
  }

  async #openLog(stream: LogStream): Promise<LogWriter> {
    const { connection } = this.#parts.bus;
    const { task, attempt, host } = this.#attempt.ready;
    // Every question to the broker is paid by every task; and what is taken for granted here, the first write proves.
    return this.#attempt.resumed
      ? openLogWriter(connection, task, attempt, stream, host)
      : beginLog(connection, task, attempt, stream, host);
  }

  #followOptions(phase: 'setup' | 'run', { reached }: LimitTimer) {
    const stopping = AbortSignal.any([this.#attempt.cancelling, reached]);
    return { phase, stopping, graceMs: this.#parts.config.cancel.grace, log: this.#log };
  }

  /** A guest's or a program's own words may have anything in them. */
  #masked(completed: Completed): Completed {
    const { data } = completed;
    const { error } = data;
    if (error === null) return completed;
    return { ...completed, data: { ...data, error: { ...error, message: this.#secrets.maskText(error.message) } } };
  }
}
