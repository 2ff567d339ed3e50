/** The order in which test files begin. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** These take most of a minute, or more: one that begins last keeps everybody waiting. */
const longest = [
  'packages/crash-points/src/crash-points.int.test.ts',
  'test/flows/broker-away.int.test.ts',
  'services/runner/test/killed.int.test.ts',
  'packages/bus/src/work.int.test.ts',
  'packages/bus/src/follow.int.test.ts',
  'test/e2e/kills.e2e.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => longest.some((path) => moduleId.endsWith(path));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
