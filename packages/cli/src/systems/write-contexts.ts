/** Apart from reading, which every command does: random numbers are loaded here. */
import { dirname } from 'node:path';
import { writePrivateFile } from '@vm-task/service/private-file';
import { makeFolder } from '@vm-task/shared/make-folder';
import type { Contexts } from './contexts.ts';

/** In one step, in a folder that is made where it is not there. */
export function writeContexts(file: string, contexts: Contexts): void {
  makeFolder(dirname(file), 0o700);
  writePrivateFile(file, `${JSON.stringify(contexts, null, 2)}\n`);
}
