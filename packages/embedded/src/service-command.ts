/** How a service is started, whatever its program: with a heap that has a limit (I13). */

import type { Home } from '@vm-task/shared/home';
import type { Role } from '@vm-task/shared/roles';

/**
 * Several times what lives in the heap of a service that has 10,000 tasks before it (40 MiB). Without it Node takes a
 * share of the host's memory for its limit, and lets a heap that works hard grow to twice its size before it collects.
 */
const heapMaxMiB = 192;

/**
 * What was made a moment ago is kept in two halves of this size. With Node's own 16 MiB they stay that large after the
 * start, in a service that then has little to do; with 2 MiB a task costs a third more of a processor (`bench/hops`).
 */
const youngHalfMiB = 8;

/** Arguments for Node. `config` is the file that the service reads instead of the home's `vm-task.yaml`. */
export function serviceArguments(
  program: string,
  home: Home,
  role: Role = 'all',
  config: string = home.config,
): string[] {
  const node = [
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${heapMaxMiB}`,
    `--max-semi-space-size=${youngHalfMiB}`,
  ];
  return [...node, program, '--home', home.root, '--config', config, '--role', role];
}
