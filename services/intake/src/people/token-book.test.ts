import { expect, test } from 'vitest';
import { storedTokens, tokenRecord } from '../../test/token-records.ts';

test('a token is known by its hash alone, with its role', async () => {
  const { book } = storedTokens(tokenRecord('ci', { role: 'submitter' }));
  await book.refresh();
  expect(book.find('vmt_ci')).toMatchObject({ kind: 'valid', asker: { name: 'ci', role: 'submitter', team: null } });
  expect([book.find('vmt_c'), book.find('')]).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }]);
});

test('a token that is revoked, or expires, opens nothing from the next look on, and what it was given live ends', async () => {
  const expiresAt = '2026-06-01T00:00:10.000Z';
  const stored = storedTokens(tokenRecord('a'), tokenRecord('b', { expiresAt }), tokenRecord('c', { expiresAt }));
  const { book } = stored;
  await book.refresh();
  const signals = ['a', 'b'].map((name) => {
    const found = book.find(`vmt_${name}`);
    if (found.kind !== 'valid') throw new Error(`${name} is ${found.kind}`);
    return found.asker.over;
  });
  stored.records.push(tokenRecord('a', { revokedAt: '2026-06-01T00:00:01.000Z' }));
  await book.refresh();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(book.find('vmt_a')).toMatchObject({ kind: 'over', why: expect.stringContaining('revoked at 2026-06-01') });
  stored.nowMs += 10_000;
  expect(book.find('vmt_c')).toMatchObject({ kind: 'over', why: expect.stringContaining('expired at') });
  await book.refresh();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  expect(book.records.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

test('when the broker has not answered for long, no token is believed', async () => {
  const stored = storedTokens(tokenRecord('a'));
  expect(stored.book.find('vmt_a')).toEqual({ kind: 'stale' });
  await stored.book.refresh();
  stored.isAway = true;
  await expect(stored.book.refresh()).rejects.toThrow('away');
  stored.nowMs += 15_000;
  expect(stored.book.find('vmt_a').kind).toBe('valid');
  stored.nowMs += 1;
  expect(stored.book.find('vmt_a').kind).toBe('stale');
  stored.isAway = false;
  await stored.book.refresh();
  expect(stored.book.find('vmt_a').kind).toBe('valid');
});

test('a record that cannot be read here opens nothing, and hides no other', async () => {
  const stored = storedTokens(tokenRecord('a'));
  stored.records.unshift(null);
  await stored.book.refresh();
  expect(stored.book.find('vmt_a').kind).toBe('valid');
});
