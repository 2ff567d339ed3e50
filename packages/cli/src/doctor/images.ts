/** The image of every pool: whole on disk, or buildable. */
import { checkImage } from '@vm-task/hypervisor/images/check-image';
import { parseImageRef } from '@vm-task/hypervisor/images/image-ref';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, fail, pass } from './check.ts';
import { NotCheckable } from './not-checkable.ts';

export const images: Check = {
  name: 'images',
  // A disk's own tables are read, a second for each GiB on a slow disk.
  limitMs: 60_000,
  async look({ environment: { home, cache }, config }, signal) {
    const wanted = Object.values(config().pools).flatMap((pool) => (pool.driver === 'qemu' ? [pool.image] : []));
    const found = await Promise.all(
      [...new Set(wanted)].map(async (name) => {
        try {
          const health = await checkImage({ home, cache, recipesFolder }, parseImageRef(name), signal);
          return { name, health, problem: null };
        } catch (error) {
          const { code, message } = errorInfo(error);
          if (code === 'tool-missing') throw new NotCheckable('qemu-img is missing; see tools');
          return { name, health: null, problem: message };
        }
      }),
    );
    const broken = found.flatMap(({ problem }) => (problem === null ? [] : [problem]));
    if (broken.length > 0) {
      const fix =
        '`./vm-task image rm NAME`, then `./vm-task image build NAME` or import it again; `image` of a pool names one';
      return fail(broken.join('; '), fix);
    }
    return pass(found.map(({ name, health }) => `${name}: ${health}`).join(', ') || 'no pool needs one');
  },
};
