import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { expectNoLeak, outputOf, qemuOf, shownOnce, submit, untilOver } from './tasks.ts';
import type { Events } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem();
});

afterAll(() => system[Symbol.asyncDispose]());

it('a VM that is killed in a setup step is replaced by a fresh one, in which the task succeeds', async () => {
  // The marker is on the disk of the VM alone: a second attempt that found it would not have a fresh one. The first one
  // has that long to be seen and killed, however slow this machine is; the second one hardly waits.
  const until = Math.ceil(Date.now() / 1_000) + 30;
  const wait = `while [ "$(date +%s)" -lt ${until} ]; do sleep 0.2; done`;
  const id = await submit(system, {
    setup: [{ run: `echo begun; test ! -e /root/marker; touch /root/marker; ${wait}; echo ready` }],
    run: 'echo "in the next VM"',
    retry: { maxAttempts: 2, backoff: '1s', on: ['vm', 'setup'] },
  });
  const first = await shownOnce(system, id, 'its VM is known', ({ vm }) => vm !== null);
  const qemu = await qemuOf(first);
  const begun = async () => (await outputOf(system, id, 'setup')).includes('begun');
  await eventually(begun, { what: 'the step runs', limitMs: 300_000 });
  process.kill(qemu, 'SIGKILL');
  const ended = await untilOver(system, id);
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
  const stream = events.map(({ type }) => type).filter((type) => type !== 'vm.gone');
  expect(stream).toEqual([
    'task.created',
    'vm.ready',
    'task.retrying',
    'vm.ready',
    'task.setup.done',
    'task.completed',
  ]);
  const areGone = async () => {
    const { events } = await system.client.tasks.events(id);
    return events.filter(({ type }) => type === 'vm.gone').length === 2;
  };
  await eventually(areGone, { what: 'both VMs are gone', limitMs: 90_000 });
  await expectNoLeak(system);
});

it('a task that waits for its next attempt is cancelled at once', async () => {
  const id = await submit(system, { run: 'exit 3', retry: { backoff: '5m', on: ['run'] } });
  await shownOnce(system, id, 'it waits', ({ status }) => status === 'retrying');
  expect(await system.vmTask(['cancel', id])).toMatchObject({ exitCode: 0 });
  const ended = await untilOver(system, id);
  expect(ended).toMatchObject({ outcome: 'cancelled', attempts: [{ number: 1, exitCode: 3 }] });
  const again = (await system.vmTask(['retry', id])).stdout.trim();
  await shownOnce(system, again, 'the new task runs as the old one did', ({ status }) => status === 'retrying');
  expect(await system.vmTask(['cancel', again])).toMatchObject({ exitCode: 0 });
  await untilOver(system, again);
});

it('a command that nobody can handle is listed, shown, replayed in vain and dropped', async () => {
  await using connection = await openConnection(readBrokerAddress(system.home, 'submit'), 'test');
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
  const newer = await eventually(
    async () => {
      const [one, ...others] = await letters();
      return others.length === 0 && one !== undefined && String(one.seq) !== seq && String(one.seq);
    },
    { what: 'a newer letter has taken its place' },
  );
  expect(await system.vmTask(['deadletter', 'drop', newer])).toMatchObject({ exitCode: 0 });
  const gone = await system.vmTask(['deadletter', 'drop', newer]);
  expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('deadletter-not-found') });
});
