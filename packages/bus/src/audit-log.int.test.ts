import type { AuditRecord } from '@vm-task/shared/audit-record';
import { auditSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { expect, test } from 'vitest';
import { auditSeqBefore, followAuditRecords, listAuditRecords, storeAuditRecord } from './audit-log.ts';

function record(name: string | null, id: string): AuditRecord {
  const who = name === null ? null : { kind: 'token' as const, name, team: null };
  const about = [{ kind: 'task' as const, id }];
  return { v: 1, at: '2026-01-01T00:00:00.000Z', who, act: 'POST /v1/tasks', about, from: 'socket', outcome: 202 };
}

async function store({ connection }: Broker, ...records: AuditRecord[]): Promise<void> {
  for (const one of records) await storeAuditRecord(connection, one, 5_000);
}

test('records are listed in pages, by who did it and by what it was about', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  await store(broker, record('ci', 'a1'), record('ops', 'a2'), record(null, 'a3'), record('ci', 'b1'));
  const list = async (filter: object, after = 0, limit = 10) => {
    const { entries, next } = await listAuditRecords(connection, filter, { after, limit });
    return [entries.map((entry) => entry.record.about[0]?.id), next];
  };
  expect(await list({})).toEqual([['a1', 'a2', 'a3', 'b1'], null]);
  expect(await list({}, 0, 2)).toEqual([['a1', 'a2'], 2]);
  expect(await list({}, 2, 2)).toEqual([['a3', 'b1'], null]);
  expect(await list({ who: 'ci' })).toEqual([['a1', 'b1'], null]);
  expect(await list({ about: 'a' }, 1)).toEqual([['a2', 'a3'], null]);
  expect(await list({ who: 'ops', about: 'b1' })).toEqual([[], null]);
});

test('what was recorded since a moment is found by the broker’s times', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  expect(await auditSeqBefore(connection, new Date(0))).toBe(0);
  await store(broker, ...['a1', 'a2', 'a3', 'a4', 'a5'].map((id) => record('ci', id)));
  for (const seq of [1, 3, 5]) {
    const message = await connection.jsm.streams.getMessage('AUDIT', { seq });
    const before = await auditSeqBefore(connection, message?.time ?? new Date(0));
    // Several may be of one millisecond.
    expect(before).toBeLessThan(seq);
    expect(await auditSeqBefore(connection, new Date((message?.time.getTime() ?? 0) + 1))).toBeGreaterThanOrEqual(seq);
  }
  expect(await auditSeqBefore(connection, new Date(Date.now() + 60_000))).toBe(5);
});

test('whoever follows gets what was there and what comes', async () => {
  await using broker = await startBroker();
  await store(broker, record('ci', 'a1'), record('ops', 'a2'));
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { seq } of followAuditRecords(broker.connection, { about: 'a' }, 1, stop.signal)) {
    seen.push(seq);
    if (seq === 2) await store(broker, record('ci', 'b1'), record('ci', 'a3'));
    if (seq === 4) stop.abort();
  }
  expect(seen).toEqual([2, 4]);
});

test('a record that nobody can read here is in the way of no other', async () => {
  await using broker = await startBroker();
  await broker.connection.js.publish(auditSubject('ci'), '{"v":2}');
  const later = { ...record('ci', 'a1'), more: true, who: { kind: 'robot', name: 'r', team: null } };
  await broker.connection.js.publish(auditSubject('ci'), JSON.stringify(later));
  const { entries } = await listAuditRecords(broker.connection, {}, { after: 0, limit: 5 });
  expect(entries).toMatchObject([{ seq: 2, record: { who: { kind: 'robot' } } }]);
});

test('nobody can delete a record or purge the log, not even the owner of the broker', async () => {
  await using broker = await startBroker();
  const { jsm } = broker.connection;
  await store(broker, record('ci', 'a1'));
  await expect(jsm.streams.deleteMessage('AUDIT', 1)).rejects.toThrow(/not permitted/);
  await expect(jsm.streams.purge('AUDIT')).rejects.toThrow(/not permitted/);
  await expect(jsm.streams.update('AUDIT', { deny_delete: false, deny_purge: false })).rejects.toThrow(/deny/);
  expect((await jsm.streams.info('AUDIT')).state.messages).toBe(1);
});
