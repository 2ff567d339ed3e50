import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import { leaseWorkFolder, lookAtMachine, releaseLease, takeLease } from './machine-lease.ts';
import { prepareForJob, runJob } from './run-job.ts';
import { stopJob } from './stop-job.ts';
import { end, never, newJob, outputOf, script } from './test-job.ts';

const hourMs = 3_600_000;

const onMachine = (controlGroups: boolean) => () => {
  let machine: SshGuest;
  let connection: GuestConnection;

  beforeEach(async () => {
    machine = await startSshGuest({ controlGroups });
    connection = await connect(machine.access, { privateKey: machine.privateKey, signal: never });
  });

  afterEach(async () => {
    await connection[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
  });

  const take = (vm: VmId, lifeMs = hourMs) => takeLease(connection, { vm, by: 'controller /home/a', lifeMs }, never);
  const ours = () => readdirSync(join(machine.home, '.vm-task')).sort();
  const jobOf = (vm: VmId, text: string) => newJob({ lease: vm, cwd: leaseWorkFolder(vm), program: script(text) });
  /** A job that goes on, with a child that has left it. */
  async function startDaemon(vm: VmId): Promise<void> {
    const job = jobOf(vm, 'setsid -f sleep 301; echo up; sleep 302');
    for await (const event of runJob(connection, job, { signal: never })) if (event.kind === 'output') return;
  }

  test('of two who want the machine one has it, and the other hears who', async () => {
    const [first, second] = [newVmId(Date.now()), newVmId(Date.now())];
    const both = await Promise.all([take(first), take(second)]);
    expect(both.map(({ kind }) => kind).sort()).toEqual(['held', 'taken']);
    const winner = both[0]?.kind === 'taken' ? first : second;
    expect(both.find(({ kind }) => kind === 'held')).toMatchObject({ vm: winner, by: 'controller /home/a' });
    await releaseLease(connection, winner, never);
    expect(await take(second)).toEqual({ kind: 'taken' });
    await releaseLease(connection, second, never);
  });

  test('a job works in the folder of its lease, and nothing of it is left afterwards', async () => {
    const vm = newVmId(Date.now());
    await take(vm);
    const { stdout } = await outputOf(connection, jobOf(vm, 'pwd; mkdir deep; chmod 0 deep; echo "$VM_TASK_USE"'));
    expect(stdout.toString()).toBe(`${join(machine.home, leaseWorkFolder(vm))}\n${vm}\n`);
    await startDaemon(vm);
    expect(machine.jobProcesses().length).toBeGreaterThan(1);
    await releaseLease(connection, vm, never);
    expect(machine.jobProcesses()).toEqual([]);
    expect(ours()).toEqual(['guard', 'uses']);
    expect(readdirSync(join(machine.home, '.vm-task/uses'))).toEqual([]);
  });

  test('nothing can be started in a lease that is over, or never was', async () => {
    const vm = newVmId(Date.now());
    await take(vm);
    await releaseLease(connection, vm, never);
    await expect(end(connection, jobOf(vm, 'true'))).rejects.toThrow(`not held for ${vm} any more`);
    await stopJob(connection, { name: 'job', lease: vm }, { graceMs: 0, signal: never });
    await releaseLease(connection, newVmId(Date.now()), never);
  });

  test('a lease is ended by the machine itself when its deadline has passed', async () => {
    const vm = newVmId(Date.now());
    await take(vm, 1_500);
    await startDaemon(vm);
    await connection[Symbol.asyncDispose]();
    await eventually(() => !existsSync(join(machine.home, '.vm-task/lock')), { what: 'the lock is gone' });
    await eventually(() => machine.jobProcesses().length === 0, { what: 'nothing of the lease runs' });
    expect(readdirSync(join(machine.home, '.vm-task/uses'))).toEqual([]);
  });

  test('a lock of another boot, or past its deadline, is taken over, and its lease ended first', async () => {
    const [stale, next] = [newVmId(Date.now()), newVmId(Date.now())];
    await take(stale);
    await startDaemon(stale);
    const lock = join(machine.home, '.vm-task/lock/owner');
    writeFileSync(lock, readFileSync(lock, 'utf8').replace(/^boot .*/m, 'boot another'));
    expect(await take(next)).toEqual({ kind: 'taken' });
    await eventually(() => machine.jobProcesses().length === 0, { what: 'nothing of the stale use runs' });
    expect(readdirSync(join(machine.home, '.vm-task/uses'))).toEqual([next]);
    await releaseLease(connection, stale, never);
    expect(existsSync(lock)).toBe(true);
    await releaseLease(connection, next, never);
  });

  test("what a crash has left between two steps is in nobody's way", async () => {
    const vm = newVmId(Date.now());
    const own = join(machine.home, '.vm-task');
    for (const folder of ['lock', '.lock', `.gone-${vm}`, `uses/${vm}/jobs`])
      mkdirSync(join(own, folder), { recursive: true });
    writeFileSync(join(own, '.lock/owner'), 'vm');
    const next = newVmId(Date.now());
    expect(await take(next)).toEqual({ kind: 'taken' });
    expect(readdirSync(join(own, 'uses'))).toEqual([next]);
    await releaseLease(connection, next, never);
    expect(ours()).toEqual(['guard', 'uses']);
  });

  test('who serves leases may be killed: the next request finds another, and the lease is as it was', async () => {
    const vm = newVmId(Date.now());
    await take(vm);
    for (const pid of machine.ownProcesses()) process.kill(pid, 'SIGKILL');
    await eventually(() => machine.ownProcesses().length === 0, { what: 'nobody serves or holds the lease' });
    const other = newVmId(Date.now());
    // A request that meets its end comes to nothing; the one after that does not.
    expect(await take(other).catch(() => take(other))).toMatchObject({ kind: 'held', vm });
    await releaseLease(connection, vm, never);
    expect(ours()).toEqual(['guard', 'uses']);
  });

  test('a job finds perl started, once, and does without where that has ended', async () => {
    const vm = newVmId(Date.now());
    await take(vm);
    const before = machine.ownProcesses().length;
    for (const kill of [false, true]) {
      for (let n = 0; n < 2; n++) prepareForJob(connection);
      await eventually(() => machine.ownProcesses().length === before + 1, { what: 'one perl more waits' });
      const [newest] = machine.ownProcesses().slice(-1);
      if (kill && newest !== undefined) {
        process.kill(newest, 'SIGKILL');
        await eventually(() => machine.ownProcesses().length === before, { what: 'it is gone' });
      }
      const job = jobOf(vm, 'echo done');
      const { stdout } = await outputOf(connection, job).catch(() => outputOf(connection, job));
      expect(stdout.toString()).toBe('done\n');
      await eventually(() => machine.ownProcesses().length === before, { what: 'none waits' });
    }
    await releaseLease(connection, vm, never);
  });

  test('the machine says what it can do for a task', async () => {
    const { keeping } = await lookAtMachine(connection, never);
    expect(keeping).toBe(controlGroups ? 'groups' : 'nothing');
  });
};

needs.root(describe)('with control groups', onMachine(true));
describe('as a login that can make no control groups', onMachine(false));
