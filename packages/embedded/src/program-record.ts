/** The nats-server that the set-up unpacked is run as it was unpacked: its hash was recorded beside it then. */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, readFile, realpath, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { childEnvironment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';

/** `setup/3-nats-server.sh` writes it: what `sha256sum` prints of the program. */
const recordOf = (program: string) => `${program}.sha256`;

export interface ProgramRecord {
  /** The program itself, links followed. */
  readonly program: string;
  /** When the set-up took it. */
  readonly takenAt: Date;
}

/**
 * The record of the first program of that name on the PATH. Null where there is none, or no record beside it: a program of the machine
 * is changed by the machine's own packages.
 * @throws `program-altered` when its bytes are not those that were recorded.
 */
export async function checkProgram(name: string, path = childEnvironment({})['PATH']): Promise<ProgramRecord | null> {
  const program = await findProgram(name, path ?? '');
  if (program === null) return null;
  const file = recordOf(program);
  const record = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (record === null) return null;
  const [recorded = ''] = record.split(' ');
  const found = await hashOf(program);
  if (found === recorded) return { program, takenAt: (await stat(file)).mtime };
  throw new VmTaskError(
    'program-altered',
    `${program} has the hash ${found}, and ${recorded || 'none'} when it was set up (${file}), so it is not started. Find out who ` +
      `changed it; then remove both, and ./vm-task up takes it anew`,
  );
}

async function findProgram(name: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    const isProgram = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isProgram) return await realpath(file);
  }
  return null;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
