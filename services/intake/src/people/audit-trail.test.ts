import { silentLogger } from '@vm-task/service/log';
import type { AuditRecord } from '@vm-task/shared/audit-record';
import { expect, test } from 'vitest';
import { createAuditTrail } from './audit-trail.ts';

function trail() {
  const made = { stored: [] as string[], reports: 0, nowMs: 0, isAway: false };
  const audit = createAuditTrail({
    store: async ({ act, from }) => {
      if (made.isAway) throw new Error('away');
      made.stored.push(`${act} ${from}`);
    },
    report: () => {
      made.reports += 1;
    },
    monotonic: () => made.nowMs,
    log: silentLogger,
  });
  return { made, audit };
}

function record(act: string, from = 'socket', name: string | null = 'ci'): AuditRecord {
  const who = name === null ? null : { kind: 'token' as const, name, team: null };
  return { v: 1, at: '2026-01-01T00:00:00.000Z', who, act, about: [], from, outcome: 200 };
}

test('every act is recorded, however often', async () => {
  const { made, audit } = trail();
  for (let n = 0; n < 1_000; n++) await audit.act(record('POST /v1/tasks'));
  expect(made.stored).toHaveLength(1_000);
});

test('a refusal is recorded once a minute for each token and act', async () => {
  const { made, audit } = trail();
  for (let n = 0; n < 100; n++) await audit.refusal(record('POST /v1/tasks'));
  await audit.refusal(record('GET /v1/tokens'));
  await audit.refusal(record('POST /v1/tasks', 'socket', 'other'));
  expect(made.stored).toHaveLength(3);
  made.nowMs += 60_000;
  await audit.refusal(record('POST /v1/tasks'));
  expect(made.stored).toHaveLength(4);
});

test('guesses are recorded once a minute for each address, and twenty from all: a guesser cannot fill the log', async () => {
  const { made, audit } = trail();
  const guess = (from: string) => audit.guess(record('GET /v1/tasks', from, null));
  for (let n = 0; n < 100; n++) await guess('192.0.2.1');
  await guess('2001:db8::1');
  await guess('2001:db8::2');
  await guess('socket');
  expect(made.stored.map((text) => text.split(' ').at(-1))).toEqual(['192.0.2.1', '2001:db8::1', 'socket']);
  for (let n = 0; n < 5_000; n++) await guess(`10.0.${n >> 8}.${n & 255}`);
  expect(made.stored).toHaveLength(20);
  made.nowMs += 60_000;
  await guess('192.0.2.1');
  expect(made.stored).toHaveLength(21);
});

test('what cannot be stored fails nobody, and people are told once until a record is stored again', async () => {
  const { made, audit } = trail();
  made.isAway = true;
  for (let n = 0; n < 5; n++) await audit.act(record('POST /v1/tasks'));
  expect(made.reports).toBe(1);
  made.isAway = false;
  await audit.act(record('POST /v1/tasks'));
  made.isAway = true;
  await audit.act(record('POST /v1/tasks'));
  expect([made.reports, made.stored.length]).toEqual([2, 1]);
});
