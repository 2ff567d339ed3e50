import { setImmediate as turn } from 'node:timers/promises';
import type { Report } from '@vm-task/hypervisor/hypervisor';
import { sampleSpec } from '@vm-task/testing/sample-events';
import { expect, test, vi } from 'vitest';
import { Preparations } from './preparations.ts';

const vmClass = {
  driver: 'qemu',
  pool: 'default',
  image: { name: 'python', version: '3.2.0' },
  size: sampleSpec.size,
  egress: 'none',
} as const;
const never = new AbortController().signal;

function preparing() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const prepare = vi.fn((_: unknown, report: Report) => {
    report({ note: 'freezing', fraction: 0.5 });
    return promise;
  });
  const told: unknown[] = [];
  const resolveNothing = () => Promise.reject(new Error('not asked for'));
  const preparations = new Preparations(
    { resolve: resolveNothing, prepare },
    (pool, now) => told.push([pool, now]),
    never,
  );
  return { preparations, prepare, told, resolve, reject };
}

test('who waits for the same class waits for the same work, and everybody is told', async () => {
  const { preparations, prepare, told, resolve } = preparing();
  const both = [preparations.vmClass(vmClass, never), preparations.vmClass(vmClass, never)];
  resolve();
  await Promise.all(both);
  expect(prepare).toHaveBeenCalledTimes(1);
  expect(told).toEqual([
    ['default', { note: 'freezing', fraction: 0.5 }],
    ['default', null],
  ]);
});

test('who stops waiting stops nothing', async () => {
  const { preparations, resolve } = preparing();
  const impatient = new AbortController();
  const first = preparations.vmClass(vmClass, impatient.signal);
  const second = preparations.vmClass(vmClass, never);
  impatient.abort(new Error('cancelled'));
  await expect(first).rejects.toThrow('cancelled');
  resolve();
  await second;
});

test('work that failed is begun anew by the next who asks', async () => {
  const { preparations, prepare, reject } = preparing();
  const first = preparations.vmClass(vmClass, never);
  reject(new Error('no space left on device'));
  await expect(first).rejects.toThrow('no space');
  await turn();
  await expect(preparations.vmClass(vmClass, never)).rejects.toThrow('no space');
  expect(prepare).toHaveBeenCalledTimes(2);
});
