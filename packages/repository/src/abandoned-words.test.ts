import { expect, test } from 'vitest';
import { findAbandonedWords, readTrackedTexts } from './find-abandoned-words.ts';
import { repositoryRoot } from './workspace.ts';

const texts = readTrackedTexts(repositoryRoot);

test('no text of the repository has an abandoned word; docs/glossary.md has those that stay', () => {
  expect(texts.length).toBeGreaterThan(500);
  expect(texts.flatMap(findAbandonedWords)).toEqual([]);
});

test('one that comes back is found, in a sentence, in an identifier and in the name of a file', () => {
  const text = 'A sentence.\nThe reaper has its chores.\nconst tasksInHand = 1; // log-overtaken stays\n';
  expect(findAbandonedWords({ path: 'services/some/judge-vm.ts', text })).toEqual([
    'services/some/judge-vm.ts: "judge": say decide, check; outcome, decision',
    'services/some/judge-vm.ts:2: "chores": say background job, background queue',
    'services/some/judge-vm.ts:3: "in hand": say in flight',
  ]);
});
