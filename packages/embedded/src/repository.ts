/** Where this checkout's parts are. Recipes and the like are beside the sources, whether those run or the bundle made of them. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@vm-task/shared/roles';

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));
const servicesFolder = fileURLToPath(new URL('../../../services/', import.meta.url));
export const cliMain = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));

export function serviceMain(name: ServiceName): string {
  return join(servicesFolder, name, 'src', 'main.ts');
}

/** Where this program is: of what tells a module its place, the bundle keeps this one as it is (`write-bundle.ts`). */
const here = import.meta.filename;
const bundle = here.endsWith('.mjs') ? dirname(here) : null;

/** The command line as it runs now: from the bundle or from the sources. */
export const cliProgram = bundle === null ? cliMain : join(bundle, 'main.mjs');

/** A service, from where the command line runs. */
export function serviceProgram(name: ServiceName): string {
  return bundle === null ? serviceMain(name) : join(bundle, 'services', `${name}.mjs`);
}
