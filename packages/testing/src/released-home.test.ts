/** What released versions have left on disk is read by this one. */
import { fileURLToPath } from 'node:url';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { registeredImage } from '@vm-task/hypervisor/images/image-store';
import { readSnapshot } from '@vm-task/hypervisor/snapshots/snapshot-store';
import { parseConfig } from '@vm-task/service/config';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { expect, test } from 'vitest';
import { releasedImage, releasedPhases, releasedSnapshotKey } from './released-home.ts';
import { releasedFolder, releasedVersions } from './released-log.ts';

test.each(releasedVersions)('the VMs, the image and the snapshot of %s are known', async (version) => {
  const at = (name: string) => fileURLToPath(new URL(`${version}/${name}`, releasedFolder));
  const [home, cache] = [homeAt(at('home')), cacheAt(at('cache'))];
  const environment = { home, cache, otlpEndpoint: null, logLevel: 'silent' as const };
  const hypervisor = createHypervisor({ environment, config: parseConfig('', 'test') });
  expect((await hypervisor.list()).map(({ phase }) => phase).sort()).toEqual(releasedPhases);
  expect(await hypervisor.unreadable()).toEqual([]);
  expect(readHostId(home)).toBe('released-0a1b2c3d');
  const store = { home, cache, recipesFolder: '' };
  const image = await registeredImage(store, { name: releasedImage.name, version: releasedImage.version });
  expect(image?.fingerprint).toBe(releasedImage.fingerprint);
  expect(await readSnapshot(cache, releasedSnapshotKey)).not.toBeNull();
});
