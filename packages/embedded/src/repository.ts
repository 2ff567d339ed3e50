/** Where this checkout's parts are: programs and recipes run from the source as it is. */
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));
export const servicesFolder = fileURLToPath(new URL('../../../services/', import.meta.url));
export const cliMain = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
