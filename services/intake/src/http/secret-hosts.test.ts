import type { HeldLease } from '@vm-task/bus/host-leases';
import { absentAfterMs } from '@vm-task/shared/features';
import { expect, test } from 'vitest';
import { keysOf, knownHosts, viewOf } from './secret-hosts.ts';

const nowMs = Date.UTC(2026, 0, 1);

function held(host: string, secretsKey: string | null, ageMs = 1_000): HeldLease {
  const lease = secretsKey === null ? null : ({ host, secretsKey } as HeldLease['lease']);
  return { host, renewedAt: new Date(nowMs - ageMs), lease };
}

const leases = [
  held('here', 'K1'),
  held('lost', 'K2', absentAfterMs),
  held('older', null),
  held('away', 'K3', absentAfterMs),
];
const hosts = knownHosts(leases, nowMs);

test('a secret is encrypted for hosts that are there; one that was not heard of for 5 minutes is left out', () => {
  expect([...keysOf(hosts)]).toEqual([
    ['here', 'K1'],
    ['lost', null],
    ['older', null],
    ['away', null],
  ]);
});

test('the answer names each host with what it has', () => {
  const secret = { name: 'key', team: null, shared: false, version: 2, setAt: new Date(nowMs).toISOString() };
  const encryptedFor = [
    { host: 'here', key: 'K1' },
    { host: 'away', key: 'K3' },
  ];
  const states = (keys: typeof encryptedFor) =>
    viewOf({ ...secret, encryptedFor: keys }, hosts).hosts.map(({ name, state }) => `${name}: ${state}`);
  // It was there when the secret was set, and may come back.
  expect(states(encryptedFor)).toEqual(['here: has', 'lost: absent', 'older: no-key', 'away: has']);
  expect(states([{ host: 'here', key: 'of before' }])).toEqual([
    'here: lacks',
    'lost: absent',
    'older: no-key',
    'away: absent',
  ]);
});
