/** Guests that go wrong by themselves: they panic, power off, stand still, or lose the time. */
import { existsSync } from 'node:fs';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { expectNoLeak, qemuOf, submit, untilOver, untilPrinted } from './tasks.ts';
import type { Events } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem();
});

afterAll(() => system[Symbol.asyncDispose]());

describe('a task whose guest', () => {
  it.each([
    ['panics', 'echo c > /proc/sysrq-trigger'],
    ['powers itself off', 'echo o > /proc/sysrq-trigger'],
    ['restarts itself', 'echo b > /proc/sysrq-trigger'],
  ])('%s has failed, because its VM is lost, and nothing is left', async (_what, fault) => {
    const ended = await untilOver(system, await submit(system, { run: `echo begun; sleep 1; ${fault}; sleep 300` }));
    expect(ended).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe('begun\n');
    await expectNoLeak(system);
  });

  it('sets its clock off by an hour, and back by two, has the times of a right clock', async () => {
    const script = 'date -s "+1 hour" >/dev/null; sleep 1; date -s "-2 hours" >/dev/null; sleep 1; echo done';
    const ended = await untilOver(system, await submit(system, { run: script }));
    expect(ended).toMatchObject({ outcome: 'succeeded', result: 'done\n' });
    const { events } = await system.json<Events>(['events', ended.id]);
    const { processMs } = events.find(({ type }) => type === 'task.completed')?.data ?? {};
    expect(processMs).toBeGreaterThan(1_900);
    // Off by an hour is neither.
    expect(processMs).toBeLessThan(1_800_000);
  });
});

describe('a task that kills every process of its VM', () => {
  it('is not waited for as for one that is silent: it has failed, and nothing is left', async () => {
    const ended = await untilOver(system, await submit(system, { run: 'echo begun; kill -9 -1' }));
    expect(ended).toMatchObject({ outcome: 'failed', error: { code: 'guest-failed' } });
    await expectNoLeak(system);
  });
});

describe('a QEMU that is stopped (SIGSTOP)', () => {
  it('and continued has been a pause of its process, without a gap in the output', async () => {
    const script = 'i=0; while [ $i -lt 30 ]; do echo $i; i=$((i + 1)); sleep 0.2; done';
    const id = await submit(system, { run: script });
    const qemu = await qemuOf(await untilPrinted(system, id, '\n'));
    process.kill(qemu, 'SIGSTOP');
    // It stands still for as long as another task takes.
    await untilOver(system, await submit(system, { run: 'sleep 5' }));
    process.kill(qemu, 'SIGCONT');
    expect(await untilOver(system, id)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    const counted = `${Array.from({ length: 30 }, (_, n) => n).join('\n')}\n`;
    expect((await system.vmTask(['logs', id])).stdout).toBe(counted);
  });

  it('for good is ended by the time limit of its task, and removed', async () => {
    const id = await submit(system, { run: 'echo begun; sleep 300', timeouts: { run: '8s' } });
    const qemu = await qemuOf(await untilPrinted(system, id, '\n'));
    process.kill(qemu, 'SIGSTOP');
    expect(await untilOver(system, id)).toMatchObject({ outcome: 'timed_out', error: { code: 'timed-out-run' } });
    await expectNoLeak(system);
    // What has ended is seen until the machine's first process has collected it.
    await eventually(() => !existsSync(`/proc/${qemu}`), { what: 'QEMU is gone', limitMs: 60_000 });
  });
});
