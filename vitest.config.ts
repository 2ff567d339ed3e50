import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

const minutes = 60_000;

const simulation = 'packages/simulation/src/simulate.test.ts';

/**
 * Three levels, one after the other: `unit` needs nothing, `int` starts real servers (nats-server, sshd), `e2e` starts
 * real VMs. The simulation needs nothing either, but both processors and a minute.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['{packages,services,bench,setup}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.int.test.ts', simulation],
          maxWorkers: 2,
          // They change nothing outside themselves; loading the same modules for each would take twice as long as the tests.
          isolate: false,
        },
      },
      {
        test: {
          name: 'simulation',
          sequence: { groupOrder: 1 },
          include: [simulation],
        },
      },
      {
        test: {
          name: 'int',
          sequence: { groupOrder: 2 },
          include: ['{packages,services,bench,setup,test/flows}/**/*.int.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 2 * minutes,
          hookTimeout: 2 * minutes,
          // Most of their time is spent waiting, on servers and timers.
          maxWorkers: 4,
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 3 },
          globalSetup: ['test/e2e/prepare-images.ts'],
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 10 * minutes,
          hookTimeout: 20 * minutes,
          // Every file has homes of its own; a VM that boots or works has one processor, and a third file often waits.
          maxWorkers: 3,
        },
      },
    ],
  },
});
