/**
 * write-bundle.ts FOLDER: the command line as a few files of JavaScript, which start several times as fast as the
 * sources. Beside them `sources` has the checksums of what they were made of, as `sha256sum --check` takes them.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cliMain, repositoryRoot } from '@vm-task/embedded/repository';
import { build, type Metafile, type Plugin, stop } from 'esbuild';

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

/** What libraries that are CommonJS find around them: `require`, for Node's own modules, and where they are. */
const surroundings = `import { createRequire as createRequireOfNode } from 'node:module';
const require = createRequireOfNode(${JSON.stringify(join(repositoryRoot, 'packages/hypervisor/package.json'))});
const __dirname = import.meta.dirname;
const __filename = import.meta.filename;`;

/** Writes `main.mjs`, what it loads when it is needed, and at last `sources`, in the place of all that the folder had. */
export async function writeBundle(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of ['sources', ...readdirSync(folder)]) rmSync(join(folder, name), { force: true });
  const { metafile } = await build({
    absWorkingDir: repositoryRoot,
    entryPoints: [cliMain],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    keepNames: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Native parts, which their libraries can do without.
    external: ['*.node', 'cpu-features'],
    banner: { js: surroundings },
    plugins: [placesOfSources, englishOnly],
    metafile: true,
    logLevel: 'error',
  });
  // Its helper process would outlive us by a moment.
  await stop();
  writeFileSync(join(folder, 'sources'), sourcesOf(metafile));
}

/** Of the libraries the lockfile has the checksums. */
function sourcesOf({ inputs }: Metafile): string {
  const own = Object.keys(inputs).filter((path) => !path.includes('node_modules'));
  const files = [...own.sort(), 'pnpm-lock.yaml', 'package.json'].map((path) =>
    isAbsolute(path) ? path : join(repositoryRoot, path),
  );
  const lines = files.map((path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${path}\n`);
  return lines.join('');
}

if (import.meta.main) await writeBundle(resolve(process.argv[2] ?? ''));
