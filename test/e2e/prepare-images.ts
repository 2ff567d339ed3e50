/** Before the first test with VMs: every image is built, so that no test waits for it under a limit of its own. */
import { lendSystem } from './system.ts';

export async function setup(): Promise<void> {
  await using system = await lendSystem();
  const { exitCode, stderr } = await system.vmTask(['image', 'build']);
  if (exitCode !== 0) throw new Error(`the images cannot be built: ${stderr}`);
}
