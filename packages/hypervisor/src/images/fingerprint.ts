import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Architecture } from './architecture.ts';
import type { Recipe } from './recipe.ts';

/** Our own files that decide what is in an image and what is written down of it. One that is not here alters no image. */
const builderFiles = ['bootstrap.ts', 'build-image.ts', 'image.ts', 'make-disk.ts', 'write-overlay.ts'];

/**
 * SHA-256 of everything that an image is made of: the recipe with all it extends, the architecture and the builder
 * itself. Nothing else: not the time, not the place, not the order in which files and runtimes are listed.
 */
export async function recipeFingerprint(recipe: Recipe, architecture: Architecture): Promise<string> {
  const builder = await Promise.all(builderFiles.map((file) => readFile(join(import.meta.dirname, file), 'utf8')));
  const parts = { ...recipe, files: sorted(recipe.files), runtimes: sorted(recipe.runtimes), architecture, builder };
  return createHash('sha256')
    .update(JSON.stringify(sorted(parts)))
    .digest('hex');
}

function sorted(record: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** SHA-256 of a file's bytes. */
export async function fileSha256(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}
