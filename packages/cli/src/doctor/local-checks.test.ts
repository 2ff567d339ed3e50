import type { TaskView } from '@vm-task/client/views';
import { parseConfig } from '@vm-task/service/config';
import { expect, test } from 'vitest';
import { assessCanary } from './canary.ts';
import { assessDisk } from './disk.ts';
import { assessMemory } from './memory.ts';
import { assessPools } from './pools.ts';

const GiB = 1024 ** 3;
const minuteMs = 60_000;

test.each([
  ['enough room passes', 50, 1, 'pass'],
  ['little room is a warning', 3, 1, 'warn'],
  ['too little for tasks fails', 1, 1, 'fail'],
  ['two filesystems fail', 50, 2, 'fail'],
])('disk: %s', (_what, freeGiB, device, status) => {
  const home = { name: 'home', path: '/home', device: 1, freeBytes: freeGiB * GiB };
  expect(assessDisk(home, { ...home, name: 'cache', path: '/cache', device })).toMatchObject({ status });
});

test('memory: what the pools may have at once, within the host, passes; more is a warning; one VM too large fails', () => {
  const named = `driver: ssh, host: h, user: u, key: k, hostKey: "ssh-ed25519 ${'A'.repeat(68)}"`;
  const config = parseConfig(
    `{ host: { maxVms: 5 }, pools: { default: { max: 4 }, more: { max: 4 }, kali: { ${named} } } }`,
    't',
  );
  expect(assessMemory(config, 4_096, 'f')).toMatchObject({
    status: 'pass',
    detail: expect.stringContaining('5 VMs may have 2560'),
  });
  expect(assessMemory(config, 2_048, 'f')).toMatchObject({ status: 'warn', fix: 'lower `max` of a pool in f' });
  expect(assessMemory(config, 256, 'f')).toMatchObject({ status: 'fail', fix: 'lower `sizes` of a pool in f' });
});

test('pools: room passes, a full pool is named, and one that is full for long fails', () => {
  const config = parseConfig('pools: { default: { max: 2 }, other: { max: 2 } }', 'test');
  const taken = (...minutesAgo: number[]) =>
    minutesAgo.map((minutes) => ({ pool: 'default', sinceMs: (60 - minutes) * minuteMs }));
  expect(assessPools(config, taken(30), 60 * minuteMs)).toMatchObject({ status: 'pass' });
  const full = assessPools(config, taken(30, 1), 60 * minuteMs);
  expect(full).toMatchObject({
    status: 'warn',
    detail: 'pool default is full: all 2 VMs are taken, the last one 60 s ago',
  });
  expect(assessPools(config, taken(30, 20), 60 * minuteMs)).toMatchObject({ status: 'fail' });
});

test('pools: a named VM that works for somebody is as it should be', () => {
  const machine = `driver: ssh, host: h, user: u, key: k, hostKey: "ssh-ed25519 ${'A'.repeat(68)}"`;
  const config = parseConfig(`{ pools: { default: {}, kali: { ${machine} } } }`, 'test');
  expect(assessPools(config, [{ pool: 'kali', sinceMs: 0 }], 60 * minuteMs)).toMatchObject({ status: 'pass' });
});

test('the canary passes when its task came back as it was sent, and fails with the reason otherwise', () => {
  const view = { id: 't', outcome: 'succeeded', result: 'a "word"', error: null, timings: { totalMs: 2_000 } };
  const assess = (changes: object) => assessCanary({ ...view, ...changes } as unknown as TaskView, 'a "word"');
  expect(assess({})).toMatchObject({ status: 'pass', detail: expect.stringContaining('2.0 s') });
  expect(assess({ result: 'a word' })).toMatchObject({ status: 'fail' });
  const failed = assess({ outcome: 'failed', error: { code: 'vm-lost', message: 'the VM ended' } });
  expect(failed).toMatchObject({ status: 'fail', detail: expect.stringContaining('the VM ended') });
});
