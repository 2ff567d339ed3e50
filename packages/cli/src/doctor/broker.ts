/** nats-server: it answers the user that makes the streams, and is new enough. */

import { isTestedServerVersion } from '@vm-task/bus/connection';
import { minimumServerVersion, untestedServerVersion } from '@vm-task/bus/streams';
import { NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass, warn } from './check.ts';

export const broker: Check = {
  name: 'broker',
  // Opening a connection gives up after 5 s.
  limitMs: 20_000,
  async look({ environment: { home }, state, config, broker: open }) {
    if (state === null) throw new NotCheckable('the system is not up; see services');
    try {
      const { nc } = await open();
      const roundTripMs = await nc.rtt();
      const version = nc.info?.version ?? 'unknown';
      if (!isTestedServerVersion(version)) {
        return warn(
          `nats-server is ${version}; this version of vm-task was tested with ${minimumServerVersion} and newer, below ${untestedServerVersion}`,
          'take a newer vm-task (CHANGELOG.md), or an older nats-server',
        );
      }
      return pass(`nats-server ${version} at ${state.nats?.url} answers in ${roundTripMs} ms`);
    } catch (error) {
      const { code, message } = errorInfo(error);
      const restart = './vm-task down && ./vm-task up --detach';
      const { servers } = config().nats;
      if (servers !== undefined) return fail(message, `look at ${servers.join(', ')}, which is not this home's own`);
      return fail(message, code === 'broker-too-old' ? restart : `${restart}; its log is ${home.logs}/nats-server.log`);
    }
  },
};
