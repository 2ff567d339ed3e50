import { defineConfig } from 'vitest/config';
import { SlowFirst, slowFiles } from './test/slow-files.ts';

const minutes = 60_000;

const leakCheck = 'packages/testing/src/leak-check.ts';

/** Real servers (nats-server, sshd). Most of the time is spent waiting, on them and on timers. */
const withServers = {
  include: ['{packages,services,bench,setup,test/flows,test/run}/**/*.int.test.ts'],
  setupFiles: [leakCheck],
  // Generous: other work may have the machine.
  testTimeout: 5 * minutes,
  hookTimeout: 5 * minutes,
  maxWorkers: 4,
};

/** Real VMs. Every file has homes of its own; a VM that boots or works has one processor, and a third file often waits. */
const withMachines = {
  globalSetup: ['test/e2e/prepare-images.ts'],
  setupFiles: [leakCheck],
  testTimeout: 10 * minutes,
  hookTimeout: 20 * minutes,
  maxWorkers: 3,
};

/** Which of them are run together is in `test/run/suites.ts`. */
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    exclude: ['**/node_modules/**'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages,services,bench,setup,test/run}/**/*.test.ts'],
          exclude: ['**/*.int.test.ts'],
          // Milliseconds, but for other work that has the machine.
          testTimeout: minutes,
          maxWorkers: 2,
          // They change nothing outside themselves; loading the same modules for each would take twice as long as the tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'int', ...withServers } },
      {
        extends: true,
        test: { name: 'quick-int', ...withServers, exclude: slowFiles.map((path) => `**/${path}`) },
      },
      { extends: true, test: { name: 'e2e', ...withMachines, include: ['test/e2e/*.e2e.test.ts'] } },
      { extends: true, test: { name: 'outages', ...withMachines, include: ['test/{e2e,flows}/outages/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'old-release', ...withServers, include: ['test/upgrade/*.test.ts'], testTimeout: 12 * minutes },
      },
      { extends: true, test: { name: 'images', ...withMachines, include: ['test/e2e/images/*.test.ts'] } },
    ],
  },
});
