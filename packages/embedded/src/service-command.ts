/** How a service is started, whatever its program: with a heap that has a limit (I13). */

import type { Home } from '@vm-task/shared/home';
import type { Role } from '@vm-task/shared/roles';

/**
 * Several times what lives in the heap of a service that has 10,000 tasks before it (40 MiB). Without it Node takes a
 * share of the host's memory for its limit, and lets a heap that works hard grow to twice its size before it collects.
 */
const heapMaxMiB = 192;

/** Arguments for Node. `config` is the file that the service reads instead of the home's `vm-task.yaml`. */
export function serviceArguments(
  program: string,
  home: Home,
  role: Role = 'all',
  config: string = home.config,
): string[] {
  const node = ['--disable-warning=ExperimentalWarning', '--expose-gc', `--max-old-space-size=${heapMaxMiB}`];
  return [...node, program, '--home', home.root, '--config', config, '--role', role];
}
