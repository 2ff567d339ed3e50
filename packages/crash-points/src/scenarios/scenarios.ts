/**
 * What happens in a system while its services die: each ends when all tasks have ended that were accepted in it. Between
 * them they reach every effect of the services; a run of all points fails when they do not.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCreated } from '@vm-task/bus/find-task';
import { readDecisions, readPipeline } from '@vm-task/bus/read-pipeline';
import { consumerFor, flow } from '@vm-task/shared/flow';
import type { TaskId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { services } from '@vm-task/shared/roles';
import { commandSubjects, taskSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { outdatedFeatures, secret, templated } from './buckets.ts';
import { cancelledChildren } from './children.ts';
import { makeJob } from './job.ts';
import { approvedPipeline, cancelledPipeline, sharedVm, twoStages, unusedVm } from './pipelines.ts';
import type { Scenario } from './scenario.ts';
import type { User } from './user.ts';

const plain: Scenario = {
  name: 'plain',
  async run(user, mark) {
    await user.submit(makeJob({ mark }));
  },
};

/** The process asks its runner, which may be another one from one question to the next. */
const guestApi: Scenario = {
  name: 'guest-api',
  async run(user, mark) {
    const asks = [
      'vm-task progress half',
      'vm-task send --to operators hello > /dev/null',
      `vm-task complete --result '"${mark}"'`,
    ];
    await user.submit(makeJob({ mark, asks }));
  },
};

/** A file that turns out to contain a secret when a part of it is stored. */
const leakedSecret: Scenario = {
  name: 'leaked secret',
  async run(user, mark) {
    writeFileSync(user.system.home.secret('leaked'), 'hunter2-hunter2', { mode: 0o600 });
    const asks = ['mkdir -p out', '{ head -c 300000 /dev/zero; printf %s "$KEY"; } > out/leaked'];
    const more = { secrets: { KEY: 'leaked' }, artifacts: ['out/leaked', `starts-${mark}`] };
    const expected = { outcome: 'failed', error: 'artifact-has-secret' } as const;
    await user.submit(makeJob({ mark, asks, more, expected }));
  },
};

const commanded: Scenario = {
  name: 'command',
  async run(user, mark) {
    await user.command(makeJob({ mark }));
  },
};

const retried: Scenario = {
  name: 'retry',
  async run(user, mark) {
    const more = { retry: { maxAttempts: 2, backoff: '300ms', on: ['run'] } };
    await user.submit(makeJob({ mark, failsAtFirst: true, more, expected: { attempts: 2 } }));
  },
};

/** The broker loses the timer that ends the wait. */
const forgottenTimer: Scenario = {
  name: 'lost timer',
  async run(user, mark) {
    const more = { retry: { maxAttempts: 2, backoff: '2s', on: ['run'] } };
    const task = await user.submit(makeJob({ mark, failsAtFirst: true, more, expected: { attempts: 2 } }));
    const { streams, consumers } = user.system.bus.connection.jsm;
    await user.waitForEvent(task, 'task.retrying');
    const isHandled = async () => (await consumers.info('EVENTS', 'reaper-task-retrying')).num_ack_pending === 0;
    await eventually(isHandled, { what: 'the timer is set', limitMs: 60_000 });
    await streams.purge('TIMERS');
  },
};

const cancelled: Scenario = {
  name: 'cancel',
  async run(user, mark) {
    const task = await user.submit(makeJob({ mark, endless: true, expected: { outcome: 'cancelled' } }));
    await user.waitForOutput(task);
    await user.ask(({ tasks }) => tasks.cancel(task));
  },
};

const cancelledByCommand: Scenario = {
  name: 'cancel by command',
  async run(user, mark) {
    const task = await user.submit(makeJob({ mark, endless: true, expected: { outcome: 'cancelled' } }));
    await user.waitForOutput(task);
    await user.publish(commandSubjects.cancel, { task });
  },
};

const timedOut: Scenario = {
  name: 'time-out',
  async run(user, mark) {
    const more = { timeouts: { run: '2s' } };
    const expected = { outcome: 'timed_out', error: 'timed-out-run' } as const;
    await user.submit(makeJob({ mark, endless: true, more, expected }));
  },
};

/** The machine ends under its task. */
const lostVm: Scenario = {
  name: 'lost VM',
  async run(user, mark) {
    const more = { retry: { maxAttempts: 1 } };
    const expected = { outcome: 'failed', error: 'vm-lost' } as const;
    const task = await user.submit(makeJob({ mark, endless: true, more, expected }));
    await user.waitForOutput(task);
    await endMachineOf(user, task);
  },
};

async function endMachineOf({ system }: User, task: TaskId): Promise<void> {
  const states = await system.hypervisor.list();
  const own = states.find((state) => state.phase === 'claimed' && state.claim.task === task);
  if (own !== undefined && 'process' in own.record && own.record.process !== null) {
    process.kill(own.record.process.pid, 'SIGKILL');
  }
}

/** A command that is no task: stored, reported, handled again, thrown away. */
const deadCommand: Scenario = {
  name: 'dead letter',
  async run(user) {
    await user.publish(commandSubjects.submit, 'this is no task');
    const seq = await letterSeq(user);
    await user.ask(({ deadLetters }) => deadLetters.replay(seq));
    await user.ask(({ deadLetters }) => deadLetters.drop(seq));
  },
};

/** What is no event changes nothing; over an event of a version to come only the task's deadline goes. */
const newerEvent: Scenario = {
  name: 'newer event',
  async run(user, mark) {
    const more = { timeouts: { total: '15s' } };
    const expected = { outcome: 'timed_out', error: 'timed-out-total' } as const;
    const task = await user.submit(makeJob({ mark, endless: true, more, expected }));
    await user.waitForOutput(task);
    const { data, host } = await user.waitForEvent(task, 'vm.ready');
    await user.publish(taskSubject('task.completed', data, host), 'no event', 'provisioner');
    await user.resumeAsNewer(task);
  },
};

async function letterSeq({ system }: User): Promise<number> {
  const find = async () => (await system.bus.connection.jsm.streams.info('DEAD')).state;
  const state = await eventually(async () => ((await find()).messages > 0 ? await find() : null), {
    what: 'a dead letter is stored',
    limitMs: 60_000,
  });
  return state.last_seq;
}

/** What a crash leaves behind between two steps: in no ledger, and with our mark. */
const strays: Scenario = {
  name: 'strays',
  async run({ system: { home, strays: known } }) {
    const vm = newVmId(Date.now());
    for (const folder of [join(home.vms, `.gone-${vm}`), join(home.slots, `.offer-${vm}`)]) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, vm), '');
    }
    const running = newVmId(Date.now());
    known.add(running);
    const marked = ['-name', join(home.vms, running)];
    const stray = spawn('perl', ['-e', 'sleep', '--', ...marked], { stdio: 'ignore' });
    await once(stray, 'exit', { signal: AbortSignal.timeout(60_000) });
  },
};

/** The ledger cannot be read for a while: whoever would remove the VM tries again. */
const troubled: Scenario = {
  name: 'trouble',
  async run(user, mark) {
    const task = await user.submit(makeJob({ mark }));
    const { data } = await user.waitForEvent(task, 'vm.ready');
    const claim = user.system.home.vm(data.vm).claim(1);
    const content = readFileSync(claim);
    // A link to itself: no version can read it, as of a disk that fails.
    symlinkSync(basename(claim), `${claim}.new`);
    renameSync(`${claim}.new`, claim);
    await user.waitForEvent(task, 'task.completed');
    const { consumers } = user.system.bus.connection.jsm;
    const release = consumerFor(flow.provisionerOnTaskCompleted, { host: data.host }).name;
    const isTriedAgain = async () => (await consumers.info('EVENTS', release)).num_redelivered > 0;
    await eventually(isTriedAgain, { what: 'the VM is removed again', limitMs: 60_000 });
    replaceFile(claim, content);
  },
};

/** Whole at every moment, as the ledger's own files are. */
function replaceFile(path: string, content: Buffer): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

/** A consumer is deleted under its worker, and made anew as control does: it hands out everything once more. */
const lostConsumer: Scenario = {
  name: 'lost consumer',
  async run(user, mark) {
    const { consumers } = user.system.bus.connection.jsm;
    const { stream, name } = consumerFor(flow.reaperOnTaskCancelling);
    // As it was: the times of the services are shorter than the ones here.
    const { config } = await consumers.info(stream, name);
    await consumers.delete(stream, name);
    await consumers.add(stream, config);
    await cancelled.run(user, mark);
  },
};

/** Every service dies at once, and intake loses what it showed: what they do when they start. */
const restarted: Scenario = {
  name: 'restart',
  async run(user, mark) {
    for (const service of services) user.system.signal(service, 'SIGKILL');
    rmSync(user.system.home.projection, { force: true });
    await user.submit(makeJob({ mark, lines: 2 }));
  },
};

/** Every service is drained while a task runs. */
const drained: Scenario = {
  name: 'drain',
  async run(user, mark) {
    const task = await user.submit(makeJob({ mark, lines: 60 }));
    await user.waitForOutput(task);
    for (const service of services) user.system.signal(service, 'SIGTERM');
  },
};

/** What ended long ago is forgotten, and there is nothing left of it to look at. */
const forgotten: Scenario = {
  name: 'forget',
  async run(user, mark) {
    const { connection } = user.system.bus;
    const { file, expected } = makeJob({ mark, lines: 2 });
    const pipeline = await user.submitPipeline({
      file: { name: 'forgotten', stages: { only: file } },
      expected: { outcome: 'succeeded', stages: { only: expected } },
    });
    const task = await user.submit(makeJob({ mark: `${mark}t`, lines: 2 }));
    await user.waitForEnds();
    // A pipeline's task is free when the pipeline is forgotten, and goes at a later sweep.
    const decisions = await readDecisions(connection, pipeline);
    const tasks = [task, ...decisions.flatMap(({ data }) => data.start.map((start) => start.task))];
    user.accepted.length = 0;
    user.pipelines.length = 0;
    const isForgotten = async () => {
      const left = await Promise.all([
        readPipeline(connection, pipeline),
        ...tasks.map((id) => findCreated(connection, id)),
      ]);
      return left.every((found) => found === null);
    };
    await eventually(isForgotten, { what: 'a pipeline and tasks that ended are forgotten', limitMs: 120_000 });
  },
};

export const scenarios: readonly Scenario[] = [
  plain,
  guestApi,
  leakedSecret,
  commanded,
  retried,
  cancelled,
  cancelledByCommand,
  cancelledChildren,
  timedOut,
  lostVm,
  forgottenTimer,
  deadCommand,
  newerEvent,
  strays,
  outdatedFeatures,
  templated,
  secret,
  approvedPipeline,
  cancelledPipeline,
  twoStages,
  sharedVm,
  unusedVm,
  lostConsumer,
  troubled,
  drained,
  restarted,
  forgotten,
];
