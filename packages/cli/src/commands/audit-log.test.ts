import { afterEach, expect, test, vi } from 'vitest';
import { listAuditLog } from './audit-log.ts';
import type { Common } from './tasks.ts';

afterEach(() => vi.restoreAllMocks());

const recordOf = (seq: number) => ({
  seq,
  at: '2026-01-01T00:00:00.000Z',
  who: seq === 1 ? null : { kind: 'token', name: 'ci', team: 'red' },
  act: 'DELETE /v1/tasks/:id',
  about: [{ kind: 'task', id: '01a1f89e' }],
  from: 'socket',
  outcome: 202,
});

/** Pages as intake gives them; what was asked for, and what was printed. */
function commandOver(...pages: { seqs: number[]; next: number | null }[]) {
  const asked: unknown[] = [];
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  const list = async (query: object) => {
    asked.push(JSON.parse(JSON.stringify(query)));
    const { seqs, next } = pages[asked.length - 1] ?? { seqs: [], next: null };
    return { records: seqs.map(recordOf), next };
  };
  const common = { system: { client: { audit: { list } } }, json: false } as unknown as Common;
  return { common, asked, printed: () => printed };
}

test('short and empty pages are followed until so many records are there as were wanted', async () => {
  const pages = [
    { seqs: [1], next: 2_000 },
    { seqs: [], next: 4_000 },
    { seqs: [4_001, 4_002], next: 4_002 },
  ];
  const { common, asked, printed } = commandOver(...pages);
  await listAuditLog(common, { since: '2h', about: '01a1', limit: '3' });
  expect(asked).toEqual([
    { since: '2h', about: '01a1', limit: '3' },
    { since: '2h', about: '01a1', after: '2000', limit: '2' },
    { since: '2h', about: '01a1', after: '4000', limit: '2' },
  ]);
  expect(printed()).toContain('(unknown)');
  expect(printed()).toMatch(/ci +red +DELETE \/v1\/tasks\/:id +task 01a1f89e +socket +202/);
  expect(printed()).toContain('more: vm-task audit-log --since 2h --about 01a1 --limit 3 --after 4002');
});

test('a limit that is no number is left to the API, which says what is wrong with it', async () => {
  const { common, asked } = commandOver({ seqs: [1], next: 1 });
  await listAuditLog(common, { since: '2h', limit: 'x' });
  expect(asked).toEqual([{ since: '2h', limit: 'x' }]);
});
