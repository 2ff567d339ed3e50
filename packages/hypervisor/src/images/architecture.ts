import { VmTaskError } from '@vm-task/shared/errors';

export type Architecture = 'x86_64' | 'aarch64';

/** Debian's name of each architecture. */
export const debianArchitectures = { x86_64: 'amd64', aarch64: 'arm64' } as const satisfies Record<
  Architecture,
  string
>;

/** The architecture of this machine, which images are built for. @throws when it is neither of the two: `tool-missing`. */
export function hostArchitecture(): Architecture {
  if (process.arch === 'x64') return 'x86_64';
  if (process.arch === 'arm64') return 'aarch64';
  throw new VmTaskError('tool-missing', `images are built on x86-64 and ARM64 only; this machine is ${process.arch}`);
}
