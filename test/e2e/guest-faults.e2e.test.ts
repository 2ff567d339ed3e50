/** Guests that go wrong by themselves: they panic, power off, stand still, or lose the time. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendSystem, type TestSystem } from './system.ts';
import type { Audit, Events, Shown } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendSystem();
  expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
});

afterAll(() => system[Symbol.asyncDispose]());

async function submit(task: object): Promise<string> {
  return (await system.vmTask(['submit', await system.taskFile(task)])).stdout.trim();
}

/** The task has begun to write. */
function untilBegun(id: string): Promise<Shown> {
  const begun = async () => {
    const { stdout } = await system.vmTask(['logs', id]);
    return stdout.includes('\n') && system.json<Shown>(['show', id]);
  };
  return eventually(begun, { what: 'it has begun', limitMs: 300_000 });
}

function untilOver(id: string): Promise<Shown> {
  const over = async () => {
    const shown = await system.json<Shown>(['show', id]);
    return shown.status === 'completed' && shown;
  };
  return eventually(over, { what: 'it is over', limitMs: 180_000 });
}

async function expectNoLeak(): Promise<void> {
  const clean = async () => {
    const { leaked, missing } = await system.json<Audit>(['audit']);
    return leaked.length + missing.length === 0;
  };
  await eventually(clean, { what: 'the audit is clean', limitMs: 90_000 });
}

async function qemuOf({ vm }: Shown): Promise<number> {
  const record = await readFile(join(system.home.vms, vm ?? '', 'vm.json'), 'utf8');
  return JSON.parse(record).process.pid;
}

describe('a task whose guest', () => {
  it.each([
    ['panics', 'echo c > /proc/sysrq-trigger'],
    ['powers itself off', 'echo o > /proc/sysrq-trigger'],
    ['restarts itself', 'echo b > /proc/sysrq-trigger'],
  ])('%s has failed, because its VM is lost, and nothing is left', async (_what, fault) => {
    const ended = await untilOver(await submit({ run: `echo begun; sleep 1; ${fault}; sleep 300` }));
    expect(ended).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe('begun\n');
    await expectNoLeak();
  });

  it('sets its clock off by an hour, and back by two, has the times of a right clock', async () => {
    const script = 'date -s "+1 hour" >/dev/null; sleep 1; date -s "-2 hours" >/dev/null; sleep 1; echo done';
    const ended = await untilOver(await submit({ run: script }));
    expect(ended).toMatchObject({ outcome: 'succeeded', result: 'done\n' });
    const { events } = await system.json<Events>(['events', ended.id]);
    const { processMs } = events.find(({ type }) => type === 'task.completed')?.data ?? {};
    expect(processMs).toBeGreaterThan(1_900);
    expect(processMs).toBeLessThan(60_000);
  });
});

describe('a QEMU that is stopped (SIGSTOP)', () => {
  it('and continued has been a pause of its process, without a gap in the output', async () => {
    const script = 'i=0; while [ $i -lt 30 ]; do echo $i; i=$((i + 1)); sleep 0.2; done';
    const id = await submit({ run: script });
    const qemu = await qemuOf(await untilBegun(id));
    process.kill(qemu, 'SIGSTOP');
    const pause = AbortSignal.timeout(5_000);
    await eventually(() => pause.aborted, { what: 'it stands still for a while' });
    process.kill(qemu, 'SIGCONT');
    expect(await untilOver(id)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    const counted = `${Array.from({ length: 30 }, (_, n) => n).join('\n')}\n`;
    expect((await system.vmTask(['logs', id])).stdout).toBe(counted);
  });

  it('for good is ended by the time limit of its task, and removed', async () => {
    const id = await submit({ run: 'echo begun; sleep 300', timeouts: { run: '8s' } });
    const qemu = await qemuOf(await untilBegun(id));
    process.kill(qemu, 'SIGSTOP');
    expect(await untilOver(id)).toMatchObject({ outcome: 'timed_out', error: { code: 'timed-out-run' } });
    await expectNoLeak();
    expect(() => process.kill(qemu, 0)).toThrow('ESRCH');
  });
});
