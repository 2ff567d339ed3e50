/** Debian packages to a system in a folder: mmdebstrap, without a hypervisor, a loop device or a mount on the host. */
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';
import { type Architecture, debianArchitectures } from './architecture.ts';
import { debianSources } from './debian-sources.ts';
import type { Recipe } from './recipe.ts';
import type { Scratch } from './scratch.ts';
import { documentation, scriptPath, writeOverlay } from './write-overlay.ts';

export interface Bootstrap {
  readonly recipe: Recipe;
  readonly architecture: Architecture;
  /** An empty folder of ours: `vmlinuz` and `initrd.img` are put there. */
  readonly folder: string;
  readonly scratch: Scratch;
  /** Files that every process of the build keeps open: the lock that says that somebody is building. */
  readonly keepOpen: readonly number[];
}

/**
 * Nothing of this machine and nothing secret stays in an image: no host keys, no machine-id, no name, no resolver of
 * ours. What a VM must have of its own it gets when it is made. The basic packages came with their documentation.
 */
const tidy = [
  'rm -f "$1"/etc/ssh/ssh_host_*',
  ': > "$1"/etc/machine-id',
  'echo vm > "$1"/etc/hostname',
  'rm -f "$1"/etc/resolv.conf',
  ...documentation.map((folder) => `rm -rf "$1"${folder}/*`),
].join(' && ');

/** What mmdebstrap says it is doing, and how much of its time was over by then when it was measured. */
const steps: readonly (readonly [words: string, note: string, fraction: number])[] = [
  ['running apt-get update', 'reading package lists', 0.02],
  ['downloading packages', 'downloading the basic packages', 0.07],
  ['extracting archives', 'unpacking the basic packages', 0.1],
  ['installing essential packages', 'installing the basic packages', 0.2],
  ['installing remaining packages', 'downloading and installing packages', 0.45],
  ['running --customize-hook', 'configuring', 0.95],
  ['cleaning package lists', 'cleaning up', 0.98],
];

/** Makes the system in the scratch's tree, with its kernel and initrd copied to `folder`. The progress's fraction is of this part alone. */
export async function bootstrap(
  job: Bootstrap,
  report: (note: string, fraction: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const arch = debianArchitectures[job.architecture];
  await writeOverlay(join(job.folder, 'overlay'), job.recipe);
  const sources = await debianSources(job.recipe.suite, arch, signal);
  const packages = job.recipe.packages.map((name) => name.replaceAll('{arch}', arch));
  const args = [
    // Namespaces of its own, as root too: whatever ends it, no mount and no process stays.
    '--mode=unshare',
    '--format=directory',
    '--variant=apt',
    `--include=${packages.join(',')}`,
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    // A system that loses power while it is made is made anew, and so is one in a VM.
    '--dpkgopt=force-unsafe-io',
    '--essential-hook=sync-in overlay /',
    `--customize-hook=${tidy}`,
    `--customize-hook=chroot "$1" sh -eu ${scriptPath}`,
    '--customize-hook=download /vmlinuz vmlinuz',
    '--customize-hook=download /initrd.img initrd.img',
    job.recipe.suite,
    job.scratch.tree,
    ...sources,
  ];
  const onLine = (line: string) => {
    const step = steps.find(([words]) => line.startsWith(`I: ${words}`));
    if (step !== undefined) report(step[1], step[2]);
  };
  // Killed, it forgets a folder of its own; there, the next build removes it.
  const env = { TMPDIR: job.scratch.folder };
  await runTool('mmdebstrap', args, { signal, cwd: job.folder, env, files: job.keepOpen, onLine });
}
