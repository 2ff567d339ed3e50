import { silentLogger } from '@vm-task/service/log';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import type { GuestApiDeps } from './deps.ts';

test('every request waits for its turn, whatever it asks for', async () => {
  const attempt = { ready: { task: 't', host: 'host-1' } };
  let turns = 0;
  const turn = async () => void turns++;
  const app = await createApp({ log: silentLogger, attempt } as unknown as GuestApiDeps, turn);
  for (const url of ['/nothing', '/v1/nothing', '/v1/messages?after=x'])
    expect((await app.inject({ method: 'GET', url })).statusCode).toBeGreaterThanOrEqual(400);
  expect(turns).toBe(3);
  await app.close();
});
