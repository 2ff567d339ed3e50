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
