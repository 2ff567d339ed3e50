/** QEMU in a network namespace that pasta joins to the host's network, for guests that may use the internet. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { enterJail, jailWords } from './inside.ts';
import type { Jailed, JailOptions } from './options.ts';
import { hostResolver, joinedScript, routeWords } from './pasta.ts';

const resolver = 'resolv.conf';

export async function joinedProgram(
  program: readonly string[],
  options: JailOptions,
  denied: readonly string[],
): Promise<Jailed> {
  const { folder, port, owner } = options;
  await writeFile(join(folder, resolver), `nameserver ${hostResolver}\n`, { mode: 0o644 });
  const words = jailWords(program, options, { resolver, hidden: null });
  return joinedScript(enterJail, [...routeWords(denied), ...words], port, owner);
}
