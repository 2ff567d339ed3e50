import * as sample from '@vm-task/testing/sample-events';
import { claimedVm, endingVm, warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { ExpectedVms } from './expected-vms.ts';

const { size } = sample.sampleSpec;
const vm = {
  pipeline: sample.samplePipeline(),
  stage: 'next',
  pool: 'default',
  image: 'python',
  size,
  egress: 'none',
} as const;
const telling = claimedVm({ expects: [vm] });

test('a stage that several tasks tell of is expected once, and only in its own pool', () => {
  const states = [telling, claimedVm({ expects: [vm] }), warmVm()];
  expect(new ExpectedVms('default').look(states, 0)).toEqual([{ vm, isMade: false }]);
  expect(new ExpectedVms('other').look(states, 0)).toEqual([]);
});

test('what was made once is not asked for again', () => {
  const expected = new ExpectedVms('default');
  for (const one of expected.look([telling], 0)) expected.made(one);
  expect(expected.look([telling], 1)).toEqual([{ vm, isMade: true }]);
});

test('when nobody tells of it any more, it is left ready for a while, and never made', () => {
  const expected = new ExpectedVms('default');
  expected.look([telling], 0);
  expect(expected.look([endingVm(telling.claim, 0)], 5_000)).toEqual([{ vm, isMade: false }]);
  expect(expected.look([], 35_000)).toEqual([{ vm, isMade: true }]);
  expect(expected.look([], 35_001)).toEqual([]);
});

test('what cannot be had is not asked for again while somebody tells of it', () => {
  const expected = new ExpectedVms('default');
  for (const one of expected.look([telling], 0)) expected.giveUp(one);
  expect(expected.look([telling], 1)).toEqual([]);
});
