import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import { followJob, runJob } from './run-job.ts';
import { stopJob } from './stop-job.ts';
import { collect, never, newJob, script } from './test-job.ts';

const stopping = (controlGroups: boolean) => () => {
  let guest: SshGuest;
  let connection: GuestConnection;

  beforeAll(async () => {
    guest = await startSshGuest({ controlGroups });
    connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  });

  afterAll(async () => {
    await connection[Symbol.asyncDispose]();
    await guest[Symbol.asyncDispose]();
  });

  async function started(text: string) {
    const job = newJob({ program: script(text) });
    for await (const event of runJob(connection, job, { signal: never })) if (event.kind === 'output') break;
    return job.name;
  }

  async function stopped(name: string, graceMs: number) {
    await stopJob(connection, { name }, { graceMs, signal: never });
    const { end, stdout } = await collect(followJob(connection, { name }, { signal: never }));
    await eventually(() => guest.jobProcesses().length === 0, { what: 'no process of the job is left' });
    return { end, stdout: stdout.toString() };
  }

  test('is asked by SIGTERM first, with everything that it started', async () => {
    const name = await started('echo up; sleep 600');
    const { end } = await stopped(name, 60_000);
    expect(end).toMatchObject({ stopped: true, outcome: { kind: 'signalled', signal: 15 } });
  });

  test('may use its grace to finish', async () => {
    const name = await started('trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.01; done');
    const { end, stdout } = await stopped(name, 60_000);
    expect(stdout).toBe('up\nbye\n');
    expect(end.outcome).toEqual({ kind: 'exited', code: 3 });
  });

  test('may finish also when its first process is gone before the others', async () => {
    const child = '(trap "sleep 0.2; echo saved; exit" TERM; echo up; while :; do sleep 0.01; done) & wait';
    const { stdout } = await stopped(await started(child), 60_000);
    expect(stdout).toBe('up\nsaved\n');
  });

  test('that ignores SIGTERM is killed after its grace', async () => {
    const name = await started('trap "" TERM; echo up; while :; do sleep 0.01; done');
    const { end } = await stopped(name, 200);
    expect(end.outcome).toEqual({ kind: 'signalled', signal: 9 });
  });

  test('that is over stays as it is', async () => {
    const job = newJob({ program: script('exit 2') });
    await collect(runJob(connection, job, { signal: never }));
    const { end } = await stopped(job.name, 0);
    expect(end).toMatchObject({ stopped: false, outcome: { kind: 'exited', code: 2 } });
  });

  test('leaves no daemon behind that closed its output', async () => {
    const { end } = await collect(
      runJob(connection, newJob({ program: script('sleep 600 <&- >&- 2>&- & exit 0') }), { signal: never }),
    );
    expect(end.outcome).toEqual({ kind: 'exited', code: 0 });
    await eventually(() => guest.jobProcesses().length === 0, { what: 'no process of the job is left' });
  });
};

// Without one, only the process group is there to kill.
needs.root(describe)('a job with a control group', stopping(true));
describe('a job without a control group', stopping(false));
