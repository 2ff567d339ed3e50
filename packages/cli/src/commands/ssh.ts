/** A login on the machine of a live task, by OpenSSH's client: to look at what it does, while it does it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createHomeClient } from '@vm-task/embedded/home-client';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { parseVmId, type VmId } from '@vm-task/shared/ids';
import { type VmAccess, vmAccessSchema } from '@vm-task/shared/vm-access';
import { printJson } from '../screen/print.ts';

const program = 'ssh';

interface Login {
  readonly access: VmAccess;
  /** The path of the private key. */
  readonly key: string;
}

/**
 * Ends with the exit code of the login. With `--json` says where one could log in, and does not.
 * @throws `task-already-over`, `no-vm-yet`, `vm-lost`, `tool-missing`.
 */
export async function ssh(
  { home, json }: { readonly home: Home; readonly json: boolean },
  id: string,
  command: readonly string[],
): Promise<number> {
  const { vm, access } = await machineOf(home, id);
  const key = home.vm(vm).sshKey;
  if (!existsSync(key)) throw new VmTaskError('vm-lost', `${vm} is not on this host, or not any more`);
  if (json) {
    printJson({ vm, ...access, key });
    return 0;
  }
  const folder = await mkdtemp(join(home.run, 'ssh-'));
  try {
    const knownHosts = join(folder, 'known-hosts');
    await writeFile(knownHosts, knownHostLine(access), { mode: 0o600 });
    return await runClient(sshArguments({ access, key }, knownHosts, command));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function machineOf(home: Home, id: string): Promise<{ vm: VmId; access: VmAccess }> {
  const client = createHomeClient(home);
  const task = await client.tasks.show(id);
  if (task.outcome !== null)
    throw new VmTaskError('task-already-over', `task ${task.id} has ended, and its VM is gone`);
  const { events } = await client.tasks.events(task.id);
  const ready = events.findLast(({ type, data }) => type === 'vm.ready' && data['vm'] === task.vm);
  if (task.vm === null || ready === undefined) {
    const text = `task ${task.id} has no VM yet: it is ${task.status}. Try again in a moment`;
    throw new VmTaskError('no-vm-yet', text);
  }
  return { vm: parseVmId(task.vm), access: vmAccessSchema.parse(ready.data['access']) };
}

/** As OpenSSH keeps them: the port is part of the name. */
function knownHostLine({ host, port, hostKey }: VmAccess): string {
  return `[${host}]:${port} ${hostKey}\n${host} ${hostKey}\n`;
}

/** Nothing of the user's own settings and keys plays a part, and no other machine than the pinned one is talked to. */
export function sshArguments({ access, key }: Login, knownHosts: string, command: readonly string[]): string[] {
  const options = [
    `UserKnownHostsFile="${literal(knownHosts)}"`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=yes',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
  ];
  return [
    ...['-F', 'none', '-i', literal(key), '-p', String(access.port), '-l', access.user],
    ...options.flatMap((option) => ['-o', option]),
    '--',
    access.host,
    ...remoteCommand(command),
  ];
}

/** The client replaces %d and the like in names of files. */
function literal(path: string): string {
  return path.replaceAll('%', '%%');
}

/** The client joins words with blanks, for the shell of the other side: several stay the words that they are. */
function remoteCommand(words: readonly string[]): readonly string[] {
  if (words.length < 2) return words;
  return [words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')];
}

async function runClient(args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' });
  // Ctrl-C is the client's matter; we wait for what it makes of it.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (cause) {
    const text = `${program} is not on this machine: have root run apt-get install --no-install-recommends openssh-client`;
    throw new VmTaskError('tool-missing', text, { cause });
  } finally {
    process.off('SIGINT', ignore);
  }
}
