/** Every stream, bucket and store: there, and with the settings that the services rely on; room in `EVENTS` and for files. */

import { artifactsFullFrom, artifactsOf, buckets, streams as definitions, eventsFullFrom } from '@vm-task/bus/streams';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass } from './check.ts';

export const streams: Check = {
  name: 'streams',
  limitMs: 20_000,
  async look({ altered, connect, scope }) {
    const amiss = [...(await altered()).values()];
    if (amiss.length > 0) {
      const detail = amiss.map((error) => errorInfo(error).message).join('; ');
      return fail(detail, './vm-task down && ./vm-task up --detach makes what is missing; what it held is lost');
    }
    const { jsm } = await connect('system', []);
    const { config, state } = await jsm.streams.info('EVENTS');
    const percent = Math.floor((100 * state.bytes) / config.max_bytes);
    if (state.bytes >= eventsFullFrom * config.max_bytes) {
      return fail(
        `EVENTS is ${percent} % full, and no task is taken`,
        'lower reaper.retention in vm-task.yaml, or set reaper.maxTasks',
      );
    }
    const store = await jsm.streams.info(`OBJ_${artifactsOf(scope().host)}`);
    const ofFiles = Math.floor((100 * store.state.bytes) / store.config.max_bytes);
    if (store.state.bytes >= artifactsFullFrom * store.config.max_bytes) {
      const fix = 'leave fewer files; they go 30 days after their task, and max_bytes of the store may be raised';
      return fail(`${artifactsOf(scope().host)} is ${ofFiles} % full, and no task that may leave files is taken`, fix);
    }
    const names = [...Object.keys(definitions), ...Object.keys(buckets), artifactsOf(scope().host)];
    return pass(`${names.join(', ')}; EVENTS is ${percent} % full, the files of tasks ${ofFiles} %`);
  },
};
