/** Before the first test with VMs: every image is built, so that no test waits for it under a limit of its own. */
import { recipeNames } from '@vm-task/hypervisor/images/recipe';
import { recipesFolder } from '@vm-task/hypervisor/images/recipes-folder';
import { lendSystem } from './system.ts';

export async function setup(): Promise<void> {
  await using system = await lendSystem();
  const build = async (name: string) => {
    const { exitCode, stderr } = await system.vmTask(['image', 'build', name]);
    if (exitCode !== 0) throw new Error(`the image ${name} cannot be built: ${stderr}`);
  };
  // At once: half of a build is waiting.
  await Promise.all((await recipeNames(recipesFolder)).map(build));
}
