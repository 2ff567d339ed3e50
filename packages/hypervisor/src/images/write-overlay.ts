import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Recipe } from './recipe.ts';

/** Where the recipe's shell scripts are in the new system while it is made; mmdebstrap empties /tmp at the end. */
export const scriptPath = '/tmp/recipe.sh';

/** What no task needs: no manual is read in a VM that lives for minutes. */
export const documentation = ['doc', 'info', 'lintian', 'locale', 'man'].map((name) => `/usr/share/${name}`);

/**
 * Makes dpkg leave the documentation out. As an option of mmdebstrap it would hold for the basic packages as well, and
 * filtering those takes ten seconds.
 */
const dpkgConfig = '/etc/dpkg/dpkg.cfg.d/no-documentation';

/** Writes the recipe's files and scripts below `folder` as they shall be in the image, whatever the umask. */
export async function writeOverlay(folder: string, recipe: Recipe): Promise<void> {
  await makeFolder(folder, folder);
  for (const [path, content] of Object.entries(recipe.files)) await writeOne(folder, path, content, 0o644);
  const excludes = documentation.map((path) => `path-exclude=${path}/*\n`).join('');
  await writeOne(folder, dpkgConfig, excludes, 0o644);
  const programs = Object.values(recipe.runtimes).map((argv) => argv[0]);
  const checks = programs.map((program) => `command -v '${program}' >&2`);
  await writeOne(folder, scriptPath, [...recipe.run, ...checks].join('\n'), 0o755);
}

async function writeOne(folder: string, path: string, content: string, mode: number): Promise<void> {
  const file = join(folder, path);
  await makeFolder(folder, dirname(file));
  await writeFile(file, content);
  await chmod(file, mode);
}

async function makeFolder(root: string, folder: string): Promise<void> {
  if (folder !== root) await makeFolder(root, dirname(folder));
  await mkdir(folder, { recursive: true });
  // /tmp keeps its sticky bit: these modes are copied into the image.
  await chmod(folder, folder === join(root, 'tmp') ? 0o1777 : 0o755);
}
