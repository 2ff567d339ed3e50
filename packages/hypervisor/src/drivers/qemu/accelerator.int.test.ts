import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { chooseAccelerator, runsGuest } from './accelerator.ts';

test('the smallest guest there is runs without KVM, on any host', async () => {
  expect(await runsGuest('tcg', null)).toBe(true);
});

test('the answer is remembered for the same kernel, QEMU and device, and asked again for another QEMU', async () => {
  await using folder = await makeTempFolder('accelerator');
  const cache = cacheAt(folder.path);
  const path = join(cache.root, 'accelerator.json');
  const found = await chooseAccelerator(cache, '10.0.2', null);
  const text = await readFile(path, 'utf8').catch(() => null);
  // A host without the device has nothing to remember.
  if (text === null) return expect(found).toBe('tcg');
  const other = found === 'kvm' ? 'tcg' : 'kvm';
  await writeFile(path, JSON.stringify({ ...JSON.parse(text), accelerator: other }));
  expect(await chooseAccelerator(cache, '10.0.2', null)).toBe(other);
  expect(await chooseAccelerator(cache, '10.0.3', null)).toBe(found);
});
