import type { Kept, MessagePage } from '@vm-task/bus/inbox';
import { expect, test } from 'vitest';
import { mergePages } from './merge-pages.ts';

const listOf = (seqs: readonly number[], next: number | null): MessagePage => ({
  messages: seqs.map((seq) => ({ seq }) as Kept),
  next,
});

const merged = (lists: readonly MessagePage[]) => {
  const { page, next } = mergePages(lists, { after: 7, limit: 3 });
  return [page.map(({ seq }) => seq), next];
};

test('lists that have ended are one list, and an empty one stays where it was', () => {
  expect(merged([listOf([8, 11], null), listOf([9], null)])).toEqual([[8, 9, 11], 11]);
  expect(merged([listOf([], null), listOf([], null)])).toEqual([[], 7]);
});

test('no page goes beyond where a list was looked through', () => {
  expect(merged([listOf([8, 90], null), listOf([9], 20)])).toEqual([[8, 9], 20]);
  expect(merged([listOf([], 20), listOf([30], null)])).toEqual([[], 20]);
  expect(merged([listOf([8, 9, 10], 10), listOf([11], null)])).toEqual([[8, 9, 10], 10]);
  expect(merged([listOf([8, 9], 20), listOf([10, 15], null)])).toEqual([[8, 9, 10], 10]);
});
