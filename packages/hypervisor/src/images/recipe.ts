/**
 * What a built image is made of: `<recipes>/<name>/recipe.yaml`. A recipe that extends another one has everything of
 * that one and adds to it; what is read here is the sum, so nothing else ever asks where a line came from.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { namePattern } from '@vm-task/shared/ids';
import { nameSchema } from '@vm-task/shared/names';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { requireUtf8 } from '@vm-task/shared/utf8';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { z } from 'zod';
import { versionPattern } from './version.ts';

/** Safe in a shell script and inside of whatever root it is put below. */
const pathSchema = z.string().regex(/^(\/(?!\.\.?(\/|$))[A-Za-z0-9._@+-]+)+$/, 'must be an absolute path');

const recipeFileSchema = z.strictObject({
  name: nameSchema,
  version: z.string().regex(versionPattern, 'must be 1 to 4 numbers with dots between them, in quotes: "1.0"'),
  /** The recipe that this one adds to. */
  extend: nameSchema.optional(),
  /** Debian 12: its systemd is the first that takes keys as credentials. */
  suite: z.enum(['bookworm']).optional(),
  /** Debian packages; `{arch}` stands for Debian's name of the machine's architecture. */
  packages: z.array(z.string().regex(/^[a-z0-9{][a-z0-9+.{}-]*$/, 'must be the name of a Debian package')).default([]),
  /** What a task may name as its runtime, and the argv that a script's path is appended to. */
  runtimes: z.record(nameSchema, z.tuple([pathSchema], z.string())).default({}),
  /** Files by absolute path, 0644 and root's; in place before the packages are installed, so they may configure that. */
  files: z.record(pathSchema, z.string()).default({}),
  /** A shell script, run as root in the new system once everything is installed. */
  run: z.string().optional(),
  /** What the kernel is told at boot, beyond where its console is. */
  cmdline: z.string().optional(),
  /** The disk as the guest sees it, at least; a VM may have a larger one. */
  diskMiB: z.int().min(256).max(262_144).optional(),
  /** Less than this and the guest does not come up. */
  minMemoryMiB: z.int().min(128).max(1_048_576).optional(),
});

type RecipeFile = z.infer<typeof recipeFileSchema>;

/** A recipe with everything that it extends. */
export interface Recipe {
  readonly name: string;
  readonly version: string;
  readonly suite: string;
  readonly packages: readonly string[];
  readonly runtimes: Record<string, string[]>;
  readonly files: Readonly<Record<string, string>>;
  /** Shell scripts, in this order. */
  readonly run: readonly string[];
  readonly cmdline: string;
  readonly diskMiB: number;
  readonly minMemoryMiB: number;
}

/** @throws when there is a recipe of that name but it cannot be used: `invalid-recipe`. Null when there is none. */
export async function readRecipe(recipesFolder: string, name: string): Promise<Recipe | null> {
  const chain = await readChain(recipesFolder, name);
  const own = chain.at(-1);
  if (own === undefined) return null;
  const last = <K extends keyof RecipeFile>(key: K): RecipeFile[K] =>
    chain.findLast((file) => file[key] !== undefined)?.[key] as RecipeFile[K];
  const suite = last('suite');
  if (suite === undefined) throw invalid(recipesFolder, name, 'suite: missing; write suite: bookworm');
  return {
    name: own.name,
    version: own.version,
    suite,
    packages: [...new Set(chain.flatMap((file) => file.packages))],
    runtimes: Object.assign({}, ...chain.map((file) => file.runtimes)),
    files: Object.assign({}, ...chain.map((file) => file.files)),
    run: chain.flatMap((file) => file.run ?? []),
    cmdline: last('cmdline') ?? '',
    diskMiB: last('diskMiB') ?? 1024,
    minMemoryMiB: last('minMemoryMiB') ?? 256,
  };
}

/** The names of all recipes, sorted. */
export async function recipeNames(recipesFolder: string): Promise<string[]> {
  const entries = await readdir(recipesFolder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && namePattern.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** The recipe file and all that it extends, the most basic one first; empty when there is none of that name. */
async function readChain(recipesFolder: string, name: string): Promise<RecipeFile[]> {
  const chain: RecipeFile[] = [];
  for (let next: string | undefined = name; next !== undefined; next = chain[0]?.extend) {
    if (chain.some((file) => file.name === next))
      throw invalid(recipesFolder, name, `extend: "${next}" extends itself`);
    const file = await readRecipeFile(recipesFolder, next);
    if (file === null) {
      if (chain.length === 0) return [];
      throw invalid(recipesFolder, chain[0]?.name ?? name, `extend: there is no recipe "${next}"`);
    }
    chain.unshift(file);
  }
  return chain;
}

async function readRecipeFile(recipesFolder: string, name: string): Promise<RecipeFile | null> {
  const path = recipePath(recipesFolder, name);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (bytes === null) return null;
  const text = requireUtf8(bytes, path, 'invalid-recipe');
  const parsed = recipeFileSchema.safeParse(parseYaml(text, path, 'invalid-recipe'));
  if (!parsed.success) throw invalid(recipesFolder, name, explainIssues(parsed.error, recipeFileSchema));
  if (parsed.data.name !== name)
    throw invalid(recipesFolder, name, `name: is "${parsed.data.name}" in folder "${name}"`);
  return parsed.data;
}

function recipePath(recipesFolder: string, name: string): string {
  return join(recipesFolder, name, 'recipe.yaml');
}

function invalid(recipesFolder: string, name: string, problem: string): VmTaskError {
  return new VmTaskError('invalid-recipe', `${recipePath(recipesFolder, name)}: ${problem}`);
}
