import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { VmTaskError } from '@vm-task/shared/errors';

/** A private mapping of a read-only memory file, and state from a file, without a helper process. */
const oldest = [8, 2] as const;

export const qemuProgram = 'qemu-system-x86_64';

/** The installed QEMU's version with its package's, `10.0.2 (Debian 1:10.0.2+ds-2)`. @throws `tool-missing`, `qemu-too-old`. */
export async function qemuVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(qemuProgram, ['--version']).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new VmTaskError('tool-missing', `${qemuProgram} is not installed: apt-get install qemu-system-x86`, {
      cause: error,
    });
  });
  return parseQemuVersion(stdout);
}

/** @throws when it is older than 8.2, or cannot be told: `qemu-too-old`. */
export function parseQemuVersion(output: string): string {
  const [, version = '', major = '', minor = ''] = /version ((\d+)\.(\d+)\S*(?: \(.*\))?)/.exec(output) ?? [];
  if (Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1])) return version;
  throw new VmTaskError(
    'qemu-too-old',
    `QEMU ${oldest.join('.')} or newer is needed, this is ${version || 'unknown'}; on Debian 12: apt-get install -t bookworm-backports qemu-system-x86 qemu-utils`,
  );
}
