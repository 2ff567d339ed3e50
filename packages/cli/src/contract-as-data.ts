/**
 * The contract of the HTTP API in the bundle of the command line: of each route its method, its path, and the structure of
 * what is answered, as data. The client reads answers by that structure alone (`reader-of.ts`); zod, and the schemas of
 * all that may be asked, are not loaded.
 */
import { pathToFileURL } from 'node:url';
import { asData } from '@vm-task/client/as-data';
import type { Plugin } from 'esbuild';

/** The modules of `packages/api`. */
const contract = /packages\/api\/src\/[\w-]+\.ts$/;

export const contractAsData: Plugin = {
  name: 'contract-as-data',
  setup(building) {
    building.onLoad({ filter: contract }, async ({ path }) => {
      const exported = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
      const data = Object.entries(exported).filter(([, value]) => typeof value !== 'function');
      const lines = data.map(([name, value]) => `export const ${name} = ${JSON.stringify(asData(value))};`);
      return { loader: 'js', contents: lines.join('\n') };
    });
  },
};
