/**
 * write-bundle.ts FOLDER: the command line (`main.mjs`) and the services (`services/intake.mjs` and so on) as files of
 * JavaScript, which start several times as fast as the sources and need less memory. Beside them `sources` has the checksums of
 * what they were made of, as `sha256sum --check` takes them.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cliMain, repositoryRoot, serviceMain } from '@vm-task/embedded/repository';
import { services } from '@vm-task/shared/roles';
import { type BuildOptions, build, type Metafile, type Plugin, stop } from 'esbuild';
import { contractAsData } from './contract-as-data.ts';

/** Programs, recipes and the like are found beside the sources, which stay where they are. */
const placesOfSources: Plugin = {
  name: 'places-of-sources',
  setup(building) {
    building.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      return { loader: 'ts', contents };
    });
  },
};

/** zod brings its messages in every language; ours are in English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(building) {
    building.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

/**
 * Node's own modules, each loaded when something of it is used. Where one is imported, Node reads all of its exports, and so
 * loads what hides behind them: all of `fetch` behind `node:http`, a dozen more behind `node:process` and `node:util`.
 */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup(building) {
    building.onResolve({ filter: /.*/ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ''), namespace: builtins, sideEffects: false } : undefined,
    );
    building.onLoad({ filter: /.*/, namespace: builtins }, ({ path }) => ({ contents: nodeModule(path) }));
  },
};
const builtins = 'node';

/** Modules that are a function, and `process`, which is one object for all, are there from the beginning. */
function nodeModule(path: string): string {
  // Some have their name with the prefix alone.
  const name = `node:${path}`;
  const found: unknown = process.getBuiltinModule(name);
  const load = `process.getBuiltinModule(${JSON.stringify(name)})`;
  if (typeof found !== 'object' || found === null || found === process) return `module.exports = ${load};`;
  const getters = Object.keys(found).map((name) => `get ${name}() { return load().${name}; }`);
  return `let loaded; const load = () => (loaded ??= ${load}); module.exports = { ${getters.join(', ')} };`;
}

/**
 * What libraries that are CommonJS find around them: `require`, for Node's own modules. It is in every piece, and made in
 * those that ask for it: to make one, and to find out where a piece is, takes a third of a millisecond for each.
 */
const surroundings = `let requireOfNode;
const require = (name) => (requireOfNode ??= process.getBuiltinModule('node:module').createRequire(${JSON.stringify(join(repositoryRoot, 'packages/hypervisor/package.json'))}))(name);`;
/** They look for programs of theirs there, which nothing here starts. */
const places = { __dirname: JSON.stringify(repositoryRoot), __filename: JSON.stringify(cliMain) };

const apiMain = join(repositoryRoot, 'packages/api/src/api.ts');

const settings = {
  absWorkingDir: repositoryRoot,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  minify: true,
  keepNames: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Node has it. What esbuild makes of it in a loop throws the error of one turn in every later one, too.
  supported: { using: true },
  // Native parts, which their libraries can do without.
  external: ['*.node', 'cpu-features'],
  banner: { js: surroundings },
  define: places,
  metafile: true,
  logLevel: 'error',
} as const satisfies BuildOptions;

/** Writes the programs, what they load when it is needed, and at last `sources`, in the place of all that the folder had. */
export async function writeBundle(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of ['sources', ...readdirSync(folder)]) rmSync(join(folder, name), { recursive: true, force: true });
  const commandLine = await build({
    ...settings,
    entryPoints: { main: cliMain },
    outdir: folder,
    plugins: [nodeModules, contractAsData, placesOfSources, englishOnly],
  });
  const ofServices = await build({
    ...settings,
    entryPoints: Object.fromEntries(services.map((name) => [name, serviceMain(name)])),
    outdir: join(folder, 'services'),
    plugins: [nodeModules, placesOfSources, englishOnly],
  });
  const contract = await inputsOf(apiMain);
  // Its helper process would outlive us by a moment.
  await stop();
  writeFileSync(
    join(folder, 'sources'),
    sourcesOf({ ...contract, ...commandLine.metafile.inputs, ...ofServices.metafile.inputs }),
  );
}

/** The contract is in the bundle as what its modules, and those that they import, make of it. */
async function inputsOf(entry: string): Promise<Metafile['inputs']> {
  const options = { absWorkingDir: repositoryRoot, bundle: true, write: false, platform: 'node' } as const;
  const { metafile } = await build({ ...options, entryPoints: [entry], metafile: true, logLevel: 'error' });
  return metafile.inputs;
}

/** Of the libraries the lockfile has the checksums. */
function sourcesOf(inputs: Metafile['inputs']): string {
  const own = Object.keys(inputs).filter((path) => !path.includes('node_modules') && !path.startsWith(`${builtins}:`));
  const files = [...own.sort(), 'pnpm-lock.yaml', 'package.json'].map((path) =>
    isAbsolute(path) ? path : join(repositoryRoot, path),
  );
  const lines = files.map((path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${path}\n`);
  return lines.join('');
}

if (import.meta.main) await writeBundle(resolve(process.argv[2] ?? ''));
