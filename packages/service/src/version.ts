/** The version of this checkout: `package.json` at its root has it, and nothing else. */
import { readFileSync } from 'node:fs';

const file = new URL('../../../package.json', import.meta.url);

export const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
