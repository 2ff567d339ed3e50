/** Tasks that take more than they may, and processes that do not end when they are asked to. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import type { Events, Shown } from './views.ts';

const sizes = [
  { cpus: 1, memoryMiB: 256, diskMiB: 4096 },
  { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
];

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem({ pools: { default: { sizes, max: 2, warm: 1 } }, cancel: { grace: '2s' } });
});

afterAll(() => system[Symbol.asyncDispose]());

const run = async (task: object) => system.vmTask(['run', await system.taskFile(task)]);

const newest = async () => {
  const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
  return tasks[0] ?? expect.fail('there is no task');
};

/** What `task.completed` says of the newest task. */
async function completion(): Promise<Record<string, unknown>> {
  const { events } = await system.json<Events>(['events', (await newest()).id]);
  return events.find(({ type }) => type === 'task.completed')?.data ?? expect.fail('the task is not over');
}

describe('a task that needs more than it may have', () => {
  it('of memory fails with that reason, and what it had said and written is there', async () => {
    const script = `import pathlib
pathlib.Path("so-far.txt").write_text("kept")
print("begun", flush=True)
hoard = []
while True:
    hoard.append(bytearray(b"x" * 1_048_576))`;
    const { exitCode, stdout, stderr } = await run({ runtime: 'python', run: script, artifacts: ['*.txt'] });
    expect({ exitCode, stdout }).toEqual({ exitCode: 137, stdout: 'begun\n' });
    expect(stderr).toMatch(/more than the 128 MiB that it may have; ask for more with resources\.memoryMiB/);
    expect(await completion()).toMatchObject({
      outcome: 'failed',
      signal: 'SIGKILL',
      error: { code: 'out-of-memory' },
      artifacts: [{ path: 'so-far.txt', bytes: 4 }],
    });
  });

  it('of the disk ends as its process does, with the output that there was room for', async () => {
    const script = `echo begun
fallocate -l "$(df --output=avail -B1 . | tail -n 1)" filler
dd if=/dev/zero of=more bs=1M 2>/dev/null || echo full
head -c 1000000 /dev/zero | tr '\\0' x
exit 3`;
    const { exitCode, stdout, stderr } = await run({ run: script });
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^begun\nfull\nx+$/);
    expect(stderr).toMatch(/stdout: kept \d+ of 1000011 bytes/);
    expect(await completion()).toMatchObject({ outcome: 'failed', exitCode: 3, error: null });
  });

  it('of the disk fails when there is no room for its result, though its process did not', async () => {
    const script = `dd if=/dev/zero of=filler bs=1M 2>/dev/null
dd if=/dev/zero of=more bs=1k 2>/dev/null
echo done > $VM_TASK_RESULT
exit 0`;
    const { exitCode, stderr } = await run({ run: script });
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/the disk was full .*\(result-not-written/);
    expect(await completion()).toMatchObject({ outcome: 'failed', exitCode: 0, result: null });
  });

  it('of output has it cut and marked, and ends as its process does', async () => {
    const { exitCode, stdout, stderr } = await run({
      run: 'head -c 100000000 /dev/zero; exit 5',
      output: { maxBytes: 65_536 },
    });
    expect({ exitCode, bytes: Buffer.byteLength(stdout) }).toEqual({ exitCode: 5, bytes: 65_536 });
    expect(stderr).toContain('stdout: kept 65536 of 100000000 bytes');
    const output = { stdout: { seenBytes: 100_000_000, storedBytes: 65_536 } };
    expect(await completion()).toMatchObject({ outcome: 'failed', exitCode: 5, output });
  });

  it('of room for its artifacts fails with that reason, though its process did not', async () => {
    const script = 'truncate -s 1T sparse.bin; echo 1 > small.bin';
    const { exitCode, stderr } = await run({ run: script, artifacts: ['*.bin'] });
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(/sparse\.bin: it has 1099511627776 bytes .*\(artifact-refused/);
    expect(await completion()).toMatchObject({ outcome: 'failed', exitCode: 0, artifacts: [{ path: 'small.bin' }] });
  });

  it('of memory gets it from another size of the pool', async () => {
    const memory = { command: ['awk', '/MemTotal/ { print int($2 / 1024) }', '/proc/meminfo'] };
    const usual = Number((await run(memory)).stdout);
    const larger = Number((await run({ ...memory, resources: { memoryMiB: 300 } })).stdout);
    expect(usual).toBeLessThan(256);
    expect(larger).toBeGreaterThan(300);
    expect(larger).toBeLessThan(512);
  });
});

// Long limits: without hardware virtualisation, on a machine that is busy, a program takes seconds to start.
describe('a task at its time limit', () => {
  it('is asked to end; what it says then is there, and so are its files', async () => {
    const script = `trap 'echo cleaning; : > tidied; echo cleaned; exit 0' TERM
echo start
echo 1 > a.txt
sleep 60 & wait`;
    const { exitCode, stdout, stderr } = await run({ run: script, artifacts: ['*.txt'], timeouts: { run: '10s' } });
    expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: 'start\ncleaning\ncleaned\n' });
    expect(stderr).toContain('the process ran longer than 10s');
    expect(await completion()).toMatchObject({
      outcome: 'timed_out',
      exitCode: 0,
      error: { code: 'timed-out-run' },
      artifacts: [{ path: 'a.txt', bytes: 2 }],
    });
  });

  it('is killed after the grace when it takes no heed, and what Python had printed is there', async () => {
    const script = `import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for n in range(600):
    print("step", n)
    time.sleep(0.5)`;
    const { exitCode, stdout } = await run({ runtime: 'python', run: script, timeouts: { run: '20s' } });
    expect(exitCode).toBe(124);
    expect(stdout).toMatch(/^step 0\nstep 1\n/);
    expect(await completion()).toMatchObject({ outcome: 'timed_out', signal: 'SIGKILL' });
  });
});

describe('a task that is cancelled', () => {
  it('leaves its files', async () => {
    const task = { run: 'echo 1 > a.txt; echo written; sleep 60', artifacts: ['*.txt'] };
    const running = system.start(['run', await system.taskFile(task)]);
    await running.printed('written');
    running.signal('SIGINT');
    expect((await running.finished).exitCode).toBe(130);
    expect(await completion()).toMatchObject({ outcome: 'cancelled', artifacts: [{ path: 'a.txt', bytes: 2 }] });
  });
});

describe('a process that does not end when it is asked to', () => {
  /** Cancels the task once it has printed its first line; the guest itself must end it, not the removal of its VM. */
  async function cancel(task: object): Promise<string> {
    const running = system.start(['run', await system.taskFile(task)]);
    await running.printed('\n');
    running.signal('SIGINT');
    const { exitCode, stdout } = await running.finished;
    expect(exitCode).toBe(130);
    expect(await completion()).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL', error: null });
    return stdout;
  }

  it('is killed after the grace, with what it has put into the background', async () => {
    const script = `trap '' TERM
setsid sh -c 'while :; do sleep 1; done' &
echo begun
while :; do sleep 1; done`;
    expect(await cancel({ run: script })).toBe('begun\n');
  });

  it('is killed with all that it has forked, and could fork only so much', async () => {
    const script = `$SIG{TERM} = "IGNORE";
my $forked = 0;
while (1) {
  my $pid = fork;
  if (!defined $pid) { syswrite STDOUT, "$forked\n" unless $refused++ }
  elsif ($pid) { $forked++ }
  else { sleep 1 while 1 }
}`;
    const forked = Number(await cancel({ command: ['perl', '-e', script] }));
    expect(forked).toBe(511);
  });

  it('does not keep a task from ending whose own process has ended', async () => {
    const script = `setsid sh -c 'trap "" TERM HUP; echo daemon; while :; do sleep 1; done' &
sleep 1
echo done`;
    expect(await run({ run: script })).toMatchObject({ exitCode: 0, stdout: 'daemon\ndone\n' });
  });
});
