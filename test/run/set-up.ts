/** What a suite needs of the machine (`setup/needs.sh`). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** False when it could not be had; then it has been said why. Stopped, it ends as it can: dpkg finishes what it began. */
export async function setUp(root: string, suite: string, stop: AbortSignal): Promise<boolean> {
  const child = spawn(join(root, 'setup/set-up.sh'), [suite, 'true'], { stdio: ['ignore', 'inherit', 'inherit'] });
  const end = () => child.kill('SIGTERM');
  stop.addEventListener('abort', end, { once: true });
  const [exitCode] = await once(child, 'exit');
  stop.removeEventListener('abort', end);
  return exitCode === 0;
}
