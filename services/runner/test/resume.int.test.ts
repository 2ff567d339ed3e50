import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLogWriter } from '@vm-task/bus/output-log';
import { VmTaskError } from '@vm-task/shared/errors';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost } from '@vm-task/testing/sample-events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { append, beginDurableAnew, type Rig, startRig, type Task } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

const lines = 200;
/**
 * Counts on both streams, a hundred lines a second or less, and tells how often it was started. Before the last line it
 * waits for the gate: on a busy machine it is seen late how far it is.
 */
const counting = (upTo: number) => `echo started >> "$STARTS"
i=0; while [ $i -lt ${upTo} ]; do
  i=$((i + 1))
  [ $i -lt ${upTo} ] || until [ -e "$GATE" ]; do sleep 0.05; done
  echo "line $i"; echo "error $i" >&2; sleep 0.01
done; exit 9`;
const expected = (word: string) => Array.from({ length: lines }, (_, i) => `${word} ${i + 1}\n`).join('');

let starts = 0;
beforeEach(() => {
  starts++;
});
const startsFile = () => `starts-${starts}`;
const open = '/';
const counter = (upTo = lines, gate = open) => ({ run: counting(upTo), env: { STARTS: startsFile(), GATE: gate } });

async function expectUndisturbed(task: Task): Promise<void> {
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', exitCode: 9 });
  const { stdout, stderr } = await rig.output(task);
  expect(stdout.toString()).toBe(expected('line'));
  expect(stderr.toString()).toBe(expected('error'));
  expect(readFileSync(join(rig.guest.home, 'work', startsFile()), 'utf8')).toBe('started\n');
}

const outputReaches = (task: Task, bytes: number) =>
  eventually(async () => (await rig.output(task)).stdout.length >= bytes, { what: `${bytes} bytes of output` });

test('a runner that is replaced three times leaves no trace in what its process wrote', async () => {
  const gate = join(rig.guest.home, 'after-three');
  const task = await rig.submit(counter(lines, gate));
  for (const bytes of [100, 600, 1_200]) {
    await using _ = await rig.startRunner();
    await outputReaches(task, bytes);
  }
  await using _ = await rig.startRunner();
  const typesOf = async () => (await rig.events(task)).map(({ type }) => type);
  const resumed = async () => (await typesOf()).filter((type) => type === 'task.resumed').length;
  await eventually(async () => (await resumed()) === 3, { what: 'it was taken over three times' });
  await writeFile(gate, '');
  await expectUndisturbed(task);
  const types = await typesOf();
  expect(types.filter((type) => type === 'task.resumed')).toHaveLength(3);
  expect(types.filter((type) => type === 'task.setup.done')).toHaveLength(1);
});

test('a runner that is replaced in its setup goes on there, and no step runs twice', async () => {
  const task = await rig.submit({
    setup: [{ run: 'echo first >> steps' }, { run: 'echo begun; sleep 1.5; echo second >> steps; echo over' }],
    run: 'cat steps',
  });
  {
    await using _ = await rig.startRunner();
    await eventually(async () => (await rig.output(task)).setup.includes('begun'), { what: 'the second step runs' });
  }
  await using _ = await rig.startRunner();
  expect(await rig.completed(task)).toMatchObject({ result: { value: 'first\nsecond\n' } });
  const { setup } = await rig.output(task);
  expect(setup.toString()).toBe('# setup 1 of 2: run\n# setup 2 of 2: run\nbegun\nover\n');
});

test('a process that ended while there was no runner has its output and its exit code', async () => {
  const task = await rig.submit(counter());
  {
    await using _ = await rig.startRunner();
    await outputReaches(task, 100);
  }
  await eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the process has ended' });
  await using _ = await rig.startRunner();
  await expectUndisturbed(task);
});

test('an attempt that comes as if for the first time goes on behind what is stored', async () => {
  const task = await rig.submit(counter());
  {
    await using _ = await rig.startRunner();
    await outputReaches(task, 100);
  }
  // A consumer that is made anew counts its deliveries anew.
  await beginDurableAnew(rig);
  await using _ = await rig.startRunner();
  await expectUndisturbed(task);
  const types = (await rig.events(task)).map(({ type }) => type);
  expect(types.filter((type) => type === 'task.setup.done')).toHaveLength(1);
  expect(types).not.toContain('task.resumed');
});

test('a connection that is cut again and again is made anew, and the process goes on', async () => {
  await using _ = await rig.startRunner();
  const task = await rig.submit(counter());
  for (const bytes of [100, 600, 1_200]) {
    await outputReaches(task, bytes);
    rig.guest.dropConnections();
  }
  await expectUndisturbed(task);
});

test('a broker that is killed in the middle is waited for, and nothing is missing', async () => {
  await using _ = await rig.startRunner();
  const task = await rig.submit(counter());
  await outputReaches(task, 600);
  await rig.broker.server.kill();
  await eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the process has ended without a broker' });
  await rig.broker.server.restart();
  await expectUndisturbed(task);
});

test('a machine whose process has ended fails the attempt with that reason', async () => {
  let alive = true;
  await using _ = await rig.startRunner(({ connect }) => ({
    isVmAlive: async () => alive,
    connect: async (ready, signal) => {
      if (alive) return connect(ready, signal);
      throw new VmTaskError('ssh-unreachable', 'nobody answers');
    },
  }));
  const task = await rig.submit({ run: 'echo begun; exec sleep 300' });
  await outputReaches(task, 5);
  alive = false;
  rig.guest.dropConnections();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
  for (const pid of rig.guest.jobProcesses()) process.kill(pid, 'SIGKILL');
});

test('a stale runner is refused whatever it writes, and leaves the task to its successor', async () => {
  const frozen = Promise.withResolvers<void>();
  let stopped = false;
  await using _stale = await rig.startRunner(({ connect }) => ({
    connect: async (ready, signal) => {
      const guest = await connect(ready, signal);
      return {
        ...guest,
        // As a process that is stopped and continued: it goes on with what it had read.
        async *run(job, options) {
          for await (const event of guest.run(job, options)) {
            if (stopped) await frozen.promise;
            yield event;
          }
        },
        [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
      };
    },
  }));
  using _thaw = { [Symbol.dispose]: frozen.resolve };
  const gate = join(rig.guest.home, 'after-takeover');
  const task = await rig.submit(counter(2 * lines, gate));
  await outputReaches(task, 100);
  stopped = true;
  // What its replacement does: it takes the attempt over, and writes on.
  const { task: id, pool, ready } = task;
  const { vm } = ready.data;
  const data = { v: 1 as const, task: id, pool, attempt: 1, vm, runner: 'the successor' };
  await append(rig.broker.bus, { type: 'task.resumed', data, host: sampleHost }, ready.seq);
  const takeOver = async () => {
    const log = await openLogWriter(rig.broker.connection, id, 1, 'stdout', sampleHost);
    await log.write(Buffer.from('from the successor'), AbortSignal.timeout(20_000));
    return true;
  };
  // What the stale runner had read before may come in between.
  await eventually(takeOver, { what: 'the successor writes' });
  const { stdout } = await rig.output(task);
  await writeFile(gate, '');
  await eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the process has ended' });
  frozen.resolve();
  // It is free again, so it has left the task; and nothing of what it wrote since is there.
  for (let other = 0; other < 4; other++)
    expect(await rig.run({ run: 'true' })).toMatchObject({ outcome: 'succeeded' });
  expect(stdout.toString()).toMatch(/from the successor$/);
  expect((await rig.output(task)).stdout.equals(stdout)).toBe(true);
  expect(await rig.broker.bus.head(task)).toMatchObject({ type: 'task.resumed', data: { runner: 'the successor' } });
});
