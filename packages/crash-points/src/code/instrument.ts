/**
 * The services' code with a point before and after each effect, made beside the real one: nothing of it is altered for
 * this, and no hook is in it. Also shortened there are the times that a test would only wait for.
 */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { services } from '@vm-task/shared/roles';
import { addPoints } from './add-points.ts';
import { findEffects } from './find-effects.ts';
import { shortTimes } from './short-times.ts';

export const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url));

/** One place in the code where an effect is called. */
export interface Place {
  /** `hypervisor/ledger/slots:freeSlot.unlink`. */
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
}

export interface Instrumented {
  /** Every effect that the code of the services and their packages has. */
  readonly places: readonly Place[];
  /** A file of JSON: URL of a module → path of what is loaded in its stead. */
  readonly manifest: string;
}

/** Writes the instrumented modules into `folder`. @throws when one of `shortTimes` is not in the code any more. */
export function instrument(folder: string): Instrumented {
  mkdirSync(folder, { recursive: true });
  const places: Place[] = [];
  const replaced: Record<string, string> = {};
  const replace = (file: string, code: string) => {
    const path = join(folder, `${createHash('sha256').update(file).digest('hex').slice(0, 16)}.mjs`);
    writeFileSync(path, code);
    replaced[pathToFileURL(join(repositoryRoot, file)).href] = path;
  };
  for (const file of serviceFiles()) {
    const { code, calls } = findEffects(readFileSync(join(repositoryRoot, file), 'utf8'));
    const named = calls.map((call) => ({ ...call, place: `${moduleName(file)}:${call.name}` }));
    places.push(...named.map(({ place }) => ({ name: place, file })));
    if (named.length > 0 || file in shortTimes) replace(file, withShortTimes(file, addPoints(code, named)));
  }
  // The supervisor is no service: only its pauses are shortened.
  for (const file of Object.keys(shortTimes).filter((one) => !serviceFiles().includes(one))) {
    replace(file, withShortTimes(file, stripTypeScriptTypes(readFileSync(join(repositoryRoot, file), 'utf8'))));
  }
  const manifest = join(folder, 'manifest.json');
  writeFileSync(manifest, JSON.stringify(replaced));
  return { places, manifest };
}

/** What runs in the services' processes: their own code, and that of every package that they depend on. */
function serviceFiles(): readonly string[] {
  const folders = new Set(services.map((name) => `services/${name}`));
  // A set is iterated over with what is added to it meanwhile.
  for (const folder of folders) for (const name of packagesOf(folder)) folders.add(`packages/${name}`);
  const patterns = [...folders].map((folder) => `${folder}/src/**/*.ts`);
  return globSync(patterns, { cwd: repositoryRoot })
    .filter((file) => !file.endsWith('.test.ts'))
    .sort();
}

/** The packages of ours that one depends on. */
function packagesOf(folder: string): readonly string[] {
  const text = readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8');
  const { dependencies = {} } = JSON.parse(text) as { readonly dependencies?: Readonly<Record<string, string>> };
  const scope = '@vm-task/';
  return Object.keys(dependencies).flatMap((name) => (name.startsWith(scope) ? [name.slice(scope.length)] : []));
}

/** `packages/bus/src/append.ts` → `bus/append`. */
function moduleName(file: string): string {
  return file
    .replace(/^(packages|services)\//, '')
    .replace('/src/', '/')
    .replace(/\.ts$/, '');
}

function withShortTimes(file: string, code: string): string {
  let shortened = code;
  for (const [name, time] of Object.entries(shortTimes[file] ?? {})) {
    const pattern = new RegExp(`^const ${name}\\s*= ([\\d_ *]+|\\{[^}]+\\});$`, 'm');
    if (!pattern.test(shortened)) throw new Error(`${file} has no constant ${name} any more; see short-times.ts`);
    shortened = shortened.replace(pattern, `const ${name} = ${JSON.stringify(time)};`);
  }
  return shortened;
}
