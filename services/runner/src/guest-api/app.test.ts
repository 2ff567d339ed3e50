import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { sampleSpec, sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import type { GuestApiDeps } from './deps.ts';

/** Of a task whose broker takes everything. */
const deps = {
  log: silentLogger,
  attempt: { ready: { task: sampleTask(), host: 'host-1' } },
  created: { data: { spec: sampleSpec }, time: new Date(0) },
  config: parseConfig('', 'test'),
  secrets: { maskText: (text: string) => text },
  bus: {
    connection: {
      jsm: { streams: { info: async () => ({ ts: new Date(0).toISOString() }) } },
      js: { publish: async () => ({}) },
    },
  },
} as unknown as GuestApiDeps;

test('urgent messages are few, and others may be sent when they are used up', async () => {
  const app = await createApp(deps);
  const send = async (priority: string) => {
    const payload = JSON.stringify({ to: 'operators', text: 'help', priority });
    return (await app.inject({ method: 'POST', url: '/v1/messages', payload })).statusCode;
  };
  for (let n = 0; n < 10; n++) expect(await send('urgent')).toBe(201);
  expect([await send('urgent'), await send('normal')]).toEqual([429, 201]);
  await app.close();
});

test('a task of a team that is at its quota sends nothing', async () => {
  const teams = { red: { task: null, taskWithFiles: null, message: 'the team red has 1 of 1 messages' } };
  const [published, asked]: [string[], string[]] = [[], []];
  const getMessage = async (stream: string, { last_by_subj: subject = '' }: { last_by_subj?: string }) => {
    asked.push(stream);
    return stream === 'KV_quotas' ? { seq: 1, subject, data: Buffer.from(JSON.stringify({ v: 1, teams })) } : null;
  };
  const info = async () => ({ ts: new Date(0).toISOString() });
  const publish = async (subject: string) => void published.push(subject);
  const connection = { jsm: { streams: { info, getMessage } }, js: { publish } };
  const created = { data: { spec: sampleSpec, team: 'red' }, time: new Date(0) };
  const app = await createApp({ ...deps, created, bus: { connection } } as unknown as GuestApiDeps);
  const send = async (headers: Record<string, string>) => {
    const payload = JSON.stringify({ to: 'operators', text: 'help' });
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/messages', payload, headers });
    return [statusCode, JSON.parse(body).code];
  };
  expect(await send({})).toEqual([429, 'quota-exceeded']);
  expect(await send({ 'idempotency-key': 'k' })).toEqual([429, 'quota-exceeded']);
  expect([published, asked]).toEqual([[], ['KV_quotas', 'KV_quotas', 'INBOX', 'INBOX']]);
  await app.close();
});
