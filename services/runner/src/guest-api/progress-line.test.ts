import type { Connection } from '@vm-task/bus/connection';
import { silentLogger } from '@vm-task/service/log';
import { sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { ProgressLine } from './progress-line.ts';

function setUp(publish: (subject: string, data: string) => Promise<void>) {
  const ready = { task: sampleTask(), attempt: 2, host: 'host-1' };
  const connection = { js: { publish } } as unknown as Connection;
  return { ready, line: new ProgressLine(connection, ready, silentLogger) };
}

test('of many that are said at once the first and the last are stored', async () => {
  const stored: unknown[] = [];
  const { ready, line } = setUp(async (subject, data) => void stored.push([subject, JSON.parse(data)]));
  for (const percent of [1, 2, 3, 4]) line.say({ percent });
  await line[Symbol.asyncDispose]();
  const subject = `log.${ready.task}.2.progress.host-1`;
  expect(stored).toEqual([
    [subject, { percent: 1 }],
    [subject, { percent: 4 }],
  ]);
});

test('while the broker is away nothing fails', async () => {
  const { line } = setUp(async () => {
    throw new Error('no broker');
  });
  line.say({ text: 'half' });
  await line[Symbol.asyncDispose]();
});
