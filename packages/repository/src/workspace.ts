/**
 * The packages of the workspace, as their `package.json` describe them.
 *
 * | file | role |
 * |---|---|
 * | `import-cycles.ts`, `find-cycle.ts` | cycles among files, and among packages |
 * | `file-maps.ts` | tables like this one: what they name is there |
 * | `packages-page.ts`, `write-packages-page.ts` | `docs/packages.md` |
 * | `abandoned-words.ts`, `find-abandoned-words.ts` | words that are not said here any more |
 * | `write-openapi.ts` | `docs/openapi.json` |
 * | `docs.test.ts` | links lead somewhere, and README.md to every page |
 * | `layout.test.ts` | what outsiders rely on is where it was |
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

export interface Package {
  readonly name: string;
  /** Relative to the repository. */
  readonly folder: string;
  readonly description: string;
  /** What others may import: the name after the package's own → the file, relative to the package. */
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: readonly string[];
}

interface PackageJson {
  readonly name: string;
  readonly description?: string;
  readonly exports?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
}

const places = ['services/*', 'packages/*', 'bench', 'test/*'];

/** Every package and service, services first, by name. */
export function readPackages(root = repositoryRoot): Package[] {
  const files = places.flatMap((place) => globSync(join(place, 'package.json'), { cwd: root }).sort());
  return files.map((file) => {
    const json = JSON.parse(readFileSync(join(root, file), 'utf8')) as PackageJson;
    return {
      name: json.name,
      folder: dirname(file),
      description: json.description ?? '',
      exports: json.exports ?? {},
      dependencies: Object.keys(json.dependencies ?? {}).sort(),
    };
  });
}
