import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { type Image, imageDisk } from './image.ts';

/** The VMs of this home whose disk is an overlay over the image's: each has a hard link to it in its folder. */
export async function imageUsers(home: Home, image: Image): Promise<VmId[]> {
  const disk = await stat(imageDisk(image));
  const names: string[] = await readdir(home.vms).catch(() => []);
  const vms = names.filter(isVmId);
  const uses = await Promise.all(
    vms.map(async (vm) => {
      const base = await stat(join(home.vm(vm).run, 'base.qcow2')).catch(() => null);
      return base !== null && base.ino === disk.ino && base.dev === disk.dev;
    }),
  );
  return vms.filter((_, index) => uses[index]).sort();
}
