import { readEnvironment } from '@vm-task/shared/environment';
import { claimedVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { knownDrivers } from './drivers.ts';
import { OpenDrivers } from './open-drivers.ts';

const drivers = new OpenDrivers({
  environment: readEnvironment('/nowhere'),
  config: { pools: {}, snapshots: { max: 1 }, drivers: knownDrivers },
} as unknown as ConstructorParameters<typeof OpenDrivers>[0]);
const { record } = claimedVm();
const why = (changes: object) => drivers.whyUnknown({ ...record, ...changes })?.message ?? null;

test("a newer version of a driver may have added to its record; what is its own must be the driver's", () => {
  expect(why({})).toBeNull();
  expect(why({ disk: { novel: true } })).toBeNull();
  expect(why({ image: { name: 'python', version: '3.2.0', novel: true } })).toBeNull();
  expect(why({ port: undefined })).toContain('is not of the form that this version writes');
});

test('a value that this version would have to act on and does not know, or another driver: the VM is left alone', () => {
  expect(why({ egress: 'some' })).toContain('is not of the form');
  expect(why({ driver: 'cloud' })).toContain('names the driver "cloud", which this version does not know');
});
