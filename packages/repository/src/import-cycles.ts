/** Cycles among source files, found by oxlint: of any length, over packages, and through imports of types alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

interface Report {
  readonly diagnostics: readonly { readonly filename: string; readonly message: string; readonly note?: string }[];
  readonly number_of_files: number;
}

export interface FoundCycles {
  /** What of the cycle its first file sees, as oxlint draws it. */
  readonly cycles: readonly string[];
  /** How many files were looked at. */
  readonly files: number;
}

/** Every import that is part of a cycle among the source files below `folder`, which git does not ignore. */
export async function findImportCycles(folder: string): Promise<FoundCycles> {
  const args = ['--config', here('../oxlint.json'), '--format', 'json', '--threads', '2', '.'];
  const child = spawn(here('../node_modules/.bin/oxlint'), args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (!output.startsWith('{')) throw new Error(`oxlint gave no report on ${folder}: ${output}${said}`);
  const { diagnostics, number_of_files: files } = JSON.parse(output) as Report;
  return { cycles: diagnostics.map(({ filename, message, note }) => `${filename}: ${note ?? message}`), files };
}
