import { isConfigAltered } from '@vm-task/embedded/running-config';
import { loadConfig } from '@vm-task/service/config';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass, warn } from './check.ts';

/** `vm-task.yaml` as `up` reads it, and whether the system that is up has read it. */
export const configuration: Check = {
  name: 'configuration',
  limitMs: 5_000,
  async look({ environment: { home }, drivers }) {
    try {
      const { pools } = loadConfig(home, drivers);
      const detail = `pools: ${Object.keys(pools).join(', ')}`;
      if (!isConfigAltered(home)) return pass(detail);
      return warn(`${detail}; altered since the system read it`, './vm-task down && ./vm-task up --detach');
    } catch (error) {
      return fail(errorInfo(error).message, `correct ${home.config}`);
    }
  },
};
