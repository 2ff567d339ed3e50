/**
 * Loaded before anything else into every process of a system under test (`node --import`): puts the instrumented
 * modules, and the stand-ins for machines, in the place of the real ones. Given by its own URL: `?manifest=…&standIns`.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pointsOf, withoutPoints } from './points.ts';

const given = new URL(import.meta.url).searchParams;
const replaced: Readonly<Record<string, string>> = JSON.parse(readFileSync(given.get('manifest') ?? '', 'utf8'));
const standIns: Readonly<Record<string, string>> = JSON.parse(given.get('stand-ins') ?? '{}');

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const standIn = standIns[found.url];
    // A stand-in may ask for what it stands in for.
    return standIn === undefined || context.parentURL === standIn ? found : { ...found, url: standIn };
  },
  load(url, context, next) {
    const path = replaced[url];
    return path === undefined
      ? next(url, context)
      : { format: 'module', source: readFileSync(path, 'utf8'), shortCircuit: true };
  },
});

const [, main = '', , home = ''] = process.argv;
const service = /\/services\/([a-z]+)\/src\/main\.ts$/.exec(main)?.[1];
Object.assign(globalThis, { vmTaskEffect: service === undefined ? withoutPoints : pointsOf(service, home) });
