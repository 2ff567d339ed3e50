import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { childEnvironment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';

/** The programs that this package runs to their end, and the Debian package that brings each. */
const packages = {
  'apt-get': 'apt',
  cp: 'coreutils',
  env: 'coreutils',
  find: 'findutils',
  flock: 'util-linux',
  // Not on an ordinary user's PATH.
  '/usr/sbin/mke2fs': 'e2fsprogs',
  mmdebstrap: 'mmdebstrap',
  'qemu-img': 'qemu-utils',
  unshare: 'util-linux',
} as const;

export type Tool = keyof typeof packages;

export interface ToolOptions {
  readonly signal: AbortSignal;
  readonly cwd?: string;
  /** On top of our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What ends its process group when aborted; SIGTERM by default. */
  readonly endBy?: NodeJS.Signals;
  /** Open files that the program gets as 3, 4, … */
  readonly files?: readonly number[];
  /** Called with each line that the program writes to its standard error. */
  readonly onLine?: (line: string) => void;
}

/** How a program ended: its exit code (128 and more when a signal ended it), its output and its last words. */
export interface ToolOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last lines of its standard error. */
  readonly complaint: string;
}

/** Enough to show a cause and its consequences, few enough for one message. */
const complaintLines = 12;

/**
 * Returns when the program and all that it started in its process group are gone; aborted, it ends the group first
 * and then throws the signal's reason. @throws when the program is not installed: `tool-missing`, with its package.
 */
export async function tryTool(tool: Tool, args: readonly string[], options: ToolOptions): Promise<ToolOutcome> {
  options.signal.throwIfAborted();
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...(options.files ?? [])];
  const child = spawn(tool, args, {
    stdio,
    detached: true,
    env: childEnvironment(options.env ?? {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const endGroup = () => endGroupOf(child.pid, options.endBy ?? 'SIGTERM');
  options.signal.addEventListener('abort', endGroup, { once: true });
  try {
    const complaint: string[] = [];
    const errors = child.stderr;
    if (errors === null || child.stdout === null) throw new Error('unreachable: both are pipes');
    createInterface({ input: errors }).on('line', (line) => {
      complaint.push(line);
      if (complaint.length > complaintLines) complaint.shift();
      options.onLine?.(line);
    });
    const stdout: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    const [code, signalName] = await once(child, 'close');
    options.signal.throwIfAborted();
    const exitCode = typeof code === 'number' ? code : 128;
    if (typeof signalName === 'string') complaint.push(`ended by ${signalName}`);
    return { exitCode, stdout: Buffer.concat(stdout).toString(), complaint: complaint.join('\n') };
  } catch (error) {
    throw toolError(tool, error);
  } finally {
    options.signal.removeEventListener('abort', endGroup);
  }
}

/** What the program wrote to its standard output. @throws when it ends with anything but 0: `tool-failed`. */
export async function runTool(tool: Tool, args: readonly string[], options: ToolOptions): Promise<string> {
  const outcome = await tryTool(tool, args, options);
  if (outcome.exitCode === 0) return outcome.stdout;
  throw new VmTaskError('tool-failed', `${tool} ended with ${outcome.exitCode}: ${outcome.complaint}`);
}

/** Nothing when it never started or has ended already. */
function endGroupOf(pid: number | undefined, by: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, by);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function toolError(tool: Tool, error: unknown): unknown {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return new VmTaskError('tool-missing', `${tool} is not installed: apt-get install ${packages[tool]}`, {
      cause: error,
    });
  }
  return error;
}
