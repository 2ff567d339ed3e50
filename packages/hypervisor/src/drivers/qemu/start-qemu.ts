import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import type { Duplex, Writable } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import { nullIfMissing } from '../../host/missing.ts';
import { startTicksOf } from '../../ledger/process-ref.ts';
import type { ProcessRef } from '../../ledger/vm-record.ts';
import { holdPort } from './jail/hold-port.ts';
import { Qmp } from './qmp.ts';

/** A guest may print without end; the first of it tells what went wrong. */
const consoleMaxBytes = 1_048_576;
/** Enough for a kernel's panic with its trace, few enough for an error message. */
const shownMaxBytes = 4_096;

export interface Program {
  /** The program and what it is given: QEMU, or what wraps it. */
  readonly argv: readonly string[];
  /** The working directory. */
  readonly folder: string;
  /** Null: as we do. Else as this uid and gid. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null;
  /** A port of 127.0.0.1 that the program gets listening, as its file 3; null for none. */
  readonly port: number | null;
  readonly logs: Logs;
}

export interface Logs {
  /** What the guest prints on its serial console, up to 1 MiB. */
  readonly console: string;
  /** What QEMU itself says. */
  readonly qemu: string;
}

export interface Qemu {
  readonly process: ProcessRef;
  readonly qmp: Qmp;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
}

/**
 * A QEMU that goes on when this process ends. @throws when the program cannot be executed: `tool-missing`; `EADDRINUSE`.
 * The caller ends it, and closes the monitor when it needs it no more.
 */
export async function startQemu({ argv, folder, runAs, port, logs }: Program): Promise<Qemu> {
  const [program = '', ...args] = argv;
  await using consoleLog = await open(logs.console, 'w', 0o600);
  await using qemuLog = await open(logs.qemu, 'w', 0o600);
  await using held = port === null ? null : await holdPort(port);
  const console = startConsole(consoleLog);
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    // What QEMU finds in its environment, a guest that breaks out finds, too. Temporary files go to its own folder.
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TMPDIR: '.' },
    stdio: [console, 'pipe', qemuLog.fd, held === null ? 'ignore' : held.fd],
    ...(runAs ?? {}),
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw notStarted(program, error);
  } finally {
    console.destroy();
  }
  const ended = once(child, 'exit').then(() => {});
  const { pid, stdout } = child;
  const startTicks = pid === undefined ? null : startTicksOf(pid);
  if (pid === undefined || startTicks === null) throw new VmTaskError('vm-not-started', 'QEMU ended at once');
  child.unref();
  // A pipe of a child is a socket of ours, readable and writable, whichever of its files it is.
  return { process: { pid, startTicks }, qmp: new Qmp(stdout as unknown as Duplex), ended };
}

/** What the logs end with, for whoever has to find out why there is no VM. */
export async function lastWords({ console, qemu }: Logs): Promise<string> {
  const [said, printed] = await Promise.all([qemu, console].map(tail));
  return [said && `QEMU says: ${said}`, printed && `The console ends with: ${printed}`].filter(Boolean).join('\n');
}

/** The writing end of the console's log; its reader ends with the last process that has it, or when the log is full. */
function startConsole(log: FileHandle): Writable {
  const reader = spawn('head', ['-c', String(consoleMaxBytes)], {
    detached: true,
    stdio: ['pipe', log.fd, 'ignore'],
  });
  if (reader.stdin === null) throw new Error('unreachable: it is a pipe');
  reader.unref();
  return reader.stdin;
}

/** The end of a log, whatever size it has; nothing where there is none. */
export async function tail(path: string): Promise<string> {
  await using file = await open(path).catch(nullIfMissing);
  if (file === null) return '';
  const { size } = await file.stat();
  const from = Math.max(0, size - shownMaxBytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(shownMaxBytes), 0, shownMaxBytes, from);
  // Zeros are holes in the file, or what a guest has printed: nobody can read them.
  return buffer.toString('utf8', 0, bytesRead).replaceAll('\0', '').trim();
}

function notStarted(program: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  return new VmTaskError('tool-missing', `${program} is not installed: apt-get install qemu-system-x86`, {
    cause: error,
  });
}
