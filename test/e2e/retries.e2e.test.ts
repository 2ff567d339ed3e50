import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openConnection } from '@vm-task/shared/bus/connection';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendSystem, type TestSystem } from './system.ts';
import type { Audit, Events, Shown, Status } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendSystem();
  expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
});

afterAll(() => system[Symbol.asyncDispose]());

async function submit(task: object): Promise<string> {
  const { stdout } = await system.vmTask(['submit', await system.taskFile(task)]);
  return stdout.trim();
}

function shownOnce(id: string, what: string, is: (shown: Shown) => boolean): Promise<Shown> {
  return eventually(
    async () => {
      const shown = await system.json<Shown>(['show', id]);
      return is(shown) && shown;
    },
    { what, limitMs: 300_000 },
  );
}

async function killQemuOf({ vm }: Shown): Promise<void> {
  const record = await readFile(join(system.home.vms, vm ?? '', 'vm.json'), 'utf8');
  process.kill(JSON.parse(record).process.pid, 'SIGKILL');
}

it('a VM that is killed in a setup step is replaced by a fresh one, in which the task succeeds', async () => {
  // The marker is on the disk of the VM alone: a second attempt that found it would not have a fresh one.
  const id = await submit({
    setup: [{ run: 'echo begun; test ! -e /root/marker; touch /root/marker; sleep 4; echo ready' }],
    run: 'echo "in the next VM"',
    retry: { maxAttempts: 2, backoff: '1s', on: ['vm', 'setup'] },
  });
  const begun = async () => (await system.vmTask(['logs', id])).stderr.includes('begun');
  await eventually(begun, { what: 'the step runs', limitMs: 300_000 });
  const first = await shownOnce(id, 'its VM is known', ({ vm }) => vm !== null);
  await killQemuOf(first);
  const ended = await shownOnce(id, 'the task is over', ({ status }) => status === 'completed');
  expect(ended).toMatchObject({
    outcome: 'succeeded',
    result: 'in the next VM\n',
    error: null,
    attempts: [
      { number: 1, vm: first.vm, exitCode: null, error: { code: 'vm-lost' } },
      { number: 2, vm: ended.vm, exitCode: 0, error: null },
    ],
  });
  expect(ended.vm).not.toBe(first.vm);
  const { events } = await system.json<Events>(['events', id]);
  const spine = events.map(({ type }) => type).filter((type) => type !== 'vm.gone');
  expect(spine).toEqual(['task.created', 'vm.ready', 'task.retrying', 'vm.ready', 'task.setup.done', 'task.completed']);
  await eventually(
    async () => {
      const { leaked, missing } = await system.json<Audit>(['audit']);
      const gone = (await system.json<Events>(['events', id])).events.filter(({ type }) => type === 'vm.gone');
      return leaked.length + missing.length === 0 && gone.length === 2;
    },
    { what: 'both VMs are gone, and the audit is clean', limitMs: 90_000 },
  );
});

it('a task that waits for its next attempt is cancelled at once', async () => {
  const id = await submit({ run: 'exit 3', retry: { backoff: '5m', on: ['run'] } });
  await shownOnce(id, 'it waits', ({ status }) => status === 'retrying');
  expect(await system.vmTask(['cancel', id])).toMatchObject({ exitCode: 0 });
  const ended = await shownOnce(id, 'it is over', ({ status }) => status === 'completed');
  expect(ended).toMatchObject({ outcome: 'cancelled', attempts: [{ number: 1, exitCode: 3 }] });
  const again = (await system.vmTask(['retry', id])).stdout.trim();
  await shownOnce(again, 'the new task runs as the old one did', ({ status }) => status === 'retrying');
  expect(await system.vmTask(['cancel', again])).toMatchObject({ exitCode: 0 });
  await shownOnce(again, 'it is over', ({ status }) => status === 'completed');
});

it('a command that nobody can handle is listed, shown, replayed in vain and dropped', async () => {
  const { nats } = await system.json<Status>(['status']);
  await using connection = await openConnection({ servers: [nats.url], ...nats.submit }, 'test');
  await connection.js.publish('task.submit', '{"runn":"echo hi"}');
  const letters = async () => {
    const { stdout } = await system.vmTask(['deadletter', 'list', '--json']);
    return (JSON.parse(stdout) as { letters: { seq: number; reason: string }[] }).letters;
  };
  const [letter] = await eventually(async () => (await letters()).length === 1 && letters(), { what: 'it is there' });
  expect(letter?.reason).toContain('did you mean "run"?');
  const seq = String(letter?.seq);
  expect((await system.vmTask(['deadletter', 'show', seq])).stdout).toContain('{"runn":"echo hi"}');
  expect(await system.vmTask(['deadletter', 'replay', seq])).toMatchObject({ exitCode: 0 });
  expect(await system.vmTask(['deadletter', 'drop', seq])).toMatchObject({ exitCode: 0 });
  const gone = await system.vmTask(['deadletter', 'drop', seq]);
  expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('deadletter-not-found') });
});
