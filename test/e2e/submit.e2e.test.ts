import { connect, credsAuthenticator } from '@nats-io/transport-node';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import type { Audit, Events, Status } from './views.ts';

const poolMax = 4;

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem({ pools: { default: { max: poolMax, warm: 1 } } });
});

afterAll(() => system[Symbol.asyncDispose]());

/** As any NATS client does, with the file that `nats credentials` prints. */
async function publishBare(subject: string, payload: string): Promise<void> {
  const { nats } = await system.json<Status>(['status']);
  const { stdout } = await system.vmTask(['nats', 'credentials', 'submit']);
  const tls = { caFile: nats.ca };
  const client = await connect({ servers: nats.url, tls, authenticator: credsAuthenticator(Buffer.from(stdout)) });
  client.publish(subject, payload);
  await client.drain();
}

const tasks = async () => (await system.client.tasks.list({ limit: '100' })).tasks;

const allCompleted = (wanted: number) =>
  eventually(
    async () => {
      const all = await tasks();
      return all.length === wanted && all.every(({ status }) => status === 'completed') ? all : null;
    },
    { what: `${wanted} tasks are completed`, limitMs: 300_000 },
  );

describe('submitting', () => {
  it('takes a message that any NATS client publishes to task.submit', async () => {
    await publishBare('task.submit', '{"run":"echo hi"}');
    const [task] = await allCompleted(1);
    expect(task).toMatchObject({ outcome: 'succeeded', result: 'hi\n' });
  });

  it('keeps what is published while intake is stopped, and runs it when intake is back', async () => {
    const { services } = await system.json<Status>(['status']);
    const intake = services.find(({ name }) => name === 'intake')?.pid ?? 0;
    process.kill(intake, 'SIGSTOP');
    await publishBare('task.submit', '{"run":"echo later"}');
    process.kill(intake, 'SIGKILL');
    const all = await allCompleted(2);
    expect(all.map(({ result }) => result).sort()).toEqual(['hi\n', 'later\n']);
  });

  it('runs 20 tasks at once on a pool of 4: all succeed, never more than 4 VMs, nothing leaks', async () => {
    const before = (await tasks()).length;
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => (await system.vmTask(['submit', '--', 'echo', `${n}`])).stdout.trim()),
    );
    expect(new Set(ids).size).toBe(20);
    const vms: number[] = [];
    await eventually(
      async () => {
        vms.push((await system.json<Audit>(['audit'])).vms);
        return (await tasks()).filter(({ status }) => status === 'completed').length === before + 20;
      },
      { what: 'all tasks are completed', limitMs: 300_000 },
    );
    expect(Math.max(...vms)).toBeLessThanOrEqual(poolMax);
    expect(Math.max(...vms)).toBeGreaterThan(1);
    const ended = (await tasks()).filter(({ id }) => ids.includes(id));
    expect(ended.map(({ outcome }) => outcome)).toEqual(Array(20).fill('succeeded'));
    await eventually(async () => (await system.json<Audit>(['audit'])).vms <= 1, {
      what: 'only the warm VM is left',
      limitMs: 60_000,
    });
    expect(await system.json<Audit>(['audit'])).toMatchObject({ leaked: [], missing: [] });
    for (const id of ids) {
      const { events } = await system.json<Events>(['events', id]);
      expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
    }
  });
});
