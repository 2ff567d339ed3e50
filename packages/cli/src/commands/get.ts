/** `vm-task get`: one file that a task left behind, to a folder or to standard output, whole or not at all. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Client } from '@vm-task/client/client';
import type { TaskView } from '@vm-task/client/views';
import { VmTaskError } from '@vm-task/shared/errors';
import { shownPath } from '@vm-task/shared/shown-path';
import { checked } from '../checked-bytes.ts';
import { exitCodes } from '../exit-codes.ts';
import { fileNameOf, storeFile } from '../file-store.ts';
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import type { Common } from './tasks.ts';

type File = NonNullable<TaskView['artifacts']>[number];

export interface GetOptions {
  /** A folder, made where it is not there; `-` is standard output. */
  readonly to: string;
  readonly force: boolean;
}

/** So many names say enough. */
const namesMax = 10;

/** @throws `artifact-not-found`, `artifact-refused` for a name that no file can have here, `file-exists`. */
export async function get({ system, json }: Common, task: string, path: string, options: GetOptions): Promise<number> {
  const client = system.client;
  const view = await client.tasks.show(task);
  const file = fileOf(view, path);
  if (options.to === '-') return await toStandardOutput(client, view.id, file);
  const target = { folder: resolve(options.to), name: fileNameOf(file.path), force: options.force };
  using interrupted = abortedByCtrlC();
  using progress = startProgress({ quiet: json || !process.stderr.isTTY });
  const received = (bytes: number) => progress.update(`${shownPath(file.path)}: ${mebibytes(bytes, file)}`);
  try {
    const content = contentOf(client, view.id, file, received, interrupted.signal);
    const at = await storeFile(content, target, file.executable);
    progress.clear();
    const { bytes, sha256, executable } = file;
    if (json) printJson({ id: view.id, path: file.path, at, bytes, sha256, executable });
    else print(shownPath(at));
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return exitCodes.cancelled;
    throw error;
  }
}

function fileOf({ id, artifacts = [] }: TaskView, path: string): File {
  const found = artifacts.find((one) => one.path === path);
  if (found !== undefined) return found;
  const names = artifacts.slice(0, namesMax).map((one) => shownPath(one.path));
  const more = artifacts.length > names.length ? [`and ${artifacts.length - names.length} more`] : [];
  const has = names.length === 0 ? 'no files' : `${[...names, ...more].join(', ')}; ./vm-task files ${id} lists them`;
  throw new VmTaskError('artifact-not-found', `the task has no file ${shownPath(path)}; it has ${has}`);
}

/** For a program to read: a file may have anything in it. */
async function toStandardOutput(client: Client, id: string, file: File): Promise<number> {
  const { stdout } = process;
  if (stdout.isTTY) {
    const instead = 'have another program read it, or name a folder with --to';
    throw new VmTaskError(
      'invalid-request',
      `standard output is a terminal, which obeys what is in a file; ${instead}`,
    );
  }
  for await (const chunk of contentOf(client, id, file, () => undefined, new AbortController().signal)) {
    if (!stdout.write(chunk)) await once(stdout, 'drain');
  }
  return 0;
}

async function* contentOf(
  client: Client,
  id: string,
  file: File,
  received: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const { body } = await client.tasks.artifact(id, file.path, signal);
  let bytes = 0;
  for await (const chunk of checked(body ?? [], file)) {
    bytes += chunk.length;
    received(bytes);
    yield chunk;
  }
}

function mebibytes(received: number, { bytes }: File): string {
  const inMebibytes = (count: number) => (count / 1024 ** 2).toFixed(1);
  return `${inMebibytes(received)} of ${inMebibytes(bytes)} MiB`;
}

/** What was begun is taken back. */
function abortedByCtrlC(): Disposable & { readonly signal: AbortSignal } {
  const interrupt = new AbortController();
  const abort = () => interrupt.abort(new Error('interrupted'));
  process.once('SIGINT', abort);
  return { signal: interrupt.signal, [Symbol.dispose]: () => void process.off('SIGINT', abort) };
}
