import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemState } from '@vm-task/embedded/state';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { summaryOf } from './system.ts';

test('a ready system is summed up with its address, and without it while intake is being restarted', async () => {
  await using folder = await makeTempFolder('summary');
  const home = homeAt(folder.path);
  const state: SystemState = {
    supervisor: { pid: 1, startTicks: 1 },
    role: 'all',
    phase: 'ready',
    nats: { url: 'nats://127.0.0.1:4222', version: '2.14.0', pid: 2 },
    services: [],
  };
  mkdirSync(home.run, { recursive: true });
  const file = join(home.run, 'http.json');
  writeFileSync(file, '{"url":"http://127.0.0.1:7788","pid":3}');
  expect(summaryOf(home, state)).toBe('ready: http://127.0.0.1:7788, nats://127.0.0.1:4222');
  rmSync(file);
  expect(summaryOf(home, state)).toBe('ready');
});
