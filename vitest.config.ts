import { defineConfig } from 'vitest/config';

const minutes = 60_000;

/** Three levels: `unit` needs nothing, `int` starts real servers (nats-server, sshd), `e2e` starts real VMs. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,services,bench}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.int.test.ts'],
        },
      },
      {
        test: {
          name: 'int',
          include: ['{packages,services,bench}/**/*.int.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 2 * minutes,
          hookTimeout: 2 * minutes,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 10 * minutes,
          hookTimeout: 20 * minutes,
          fileParallelism: false,
        },
      },
    ],
  },
});
