/** Which version's events are written: that of the oldest service that is there. */
import { readFeatures } from '@vm-task/bus/features';
import { readLeases } from '@vm-task/bus/host-leases';
import { version as own } from '@vm-task/service/version';
import { compareReleases } from '@vm-task/shared/versions';
import { type Check, pass, warn } from './check.ts';

export const versions: Check = {
  name: 'versions',
  limitMs: 10_000,
  async look({ connect }) {
    const connection = await connect('reaper', ['KV_hosts', 'KV_features']);
    const [features, leases] = await Promise.all([readFeatures(connection), readLeases(connection)]);
    if (features === null) return warn('nobody has said yet which events may be written', 'see the log of the reaper');
    const detail = `events are written as ${features.version} reads them`;
    if (compareReleases(features.version, own) >= 0) return pass(detail);
    const hosts = leases.map(({ host, lease }) => `${host}: ${lease?.version ?? 'unreadable'}`).join(', ');
    return warn(`${detail}, and this is ${own} (${hosts || 'no host'})`, 'upgrade control, then each host');
  },
};
