import { expect, test } from 'vitest';
import { mayRead, ownershipOf } from './people.ts';
import { isAtLeast, tokenRoles } from './token-roles.ts';

test('each role may what those before it may, and no more', () => {
  const may = tokenRoles.map((role) => tokenRoles.filter((least) => isAtLeast(role, least)).length);
  expect(may).toEqual([1, 2, 3, 4]);
});

test('a task reads the messages of its own team, and those of none', () => {
  const messages = [{}, { team: 'red' }, { team: 'blue' }];
  expect(messages.map((message) => mayRead({ team: 'red' }, message))).toEqual([true, true, false]);
  expect(messages.map((message) => mayRead({}, message))).toEqual([true, false, false]);
});

test("of what is nobody's nothing is said", () => {
  expect(ownershipOf({ team: undefined, principal: undefined })).toEqual({});
  expect(Object.keys(ownershipOf({ team: 'red', principal: undefined }))).toEqual(['team']);
});
