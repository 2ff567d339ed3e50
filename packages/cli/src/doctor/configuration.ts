import { loadConfig } from '@vm-task/service/config';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass } from './check.ts';

/** `vm-task.yaml` as every service reads it. */
export const configuration: Check = {
  name: 'configuration',
  limitMs: 5_000,
  async look({ environment: { home }, drivers }) {
    try {
      const { pools } = loadConfig(home, drivers);
      return pass(`pools: ${Object.keys(pools).join(', ')}`);
    } catch (error) {
      return fail(errorInfo(error).message, `correct ${home.config}`);
    }
  },
};
