/** What intake measures of what it reads. */
import { counter } from '@vm-task/service/metrics';

const foreign = counter(
  'vm_task.events.foreign',
  'Messages in EVENTS that are no events, by the host of their subject',
);

/** Of names that nobody has checked, so few are told apart. */
const hostsMax = 100;
const hosts = new Set<string>();

export function recordForeign(host: string): void {
  if (hosts.size < hostsMax) hosts.add(host);
  foreign(1, { host: hosts.has(host) ? host : 'other' });
}
