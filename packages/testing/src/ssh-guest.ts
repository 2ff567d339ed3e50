/**
 * A guest without a VM: OpenSSH's sshd on loopback, as an ordinary process with a home of its own. Works for root and
 * for any other user, who logs in as themselves.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { eventually } from './conditions.ts';
import { jobGroupOf, removeGroup } from './control-groups.ts';
import {
  descendantsOf,
  dyingWithUs,
  listProcesses,
  processesWithEnvironment,
  signalProcess,
  stopProcess,
} from './processes.ts';
import { makeTempFolder, type TempFolder } from './temp-folder.ts';

export interface SshGuest extends AsyncDisposable {
  readonly access: VmAccess;
  /** The login's private key. */
  readonly privateKey: string;
  /** The login's home. */
  readonly home: string;
  /** Cuts every connection as a crash does; new ones are accepted, and jobs go on. */
  dropConnections(): void;
  /** When it returns, nothing is answered, new connections included, and nothing is closed, until `resume`. */
  freeze(): Promise<void>;
  resume(): void;
  /** Processes of jobs that run in this guest; our own, which supervise them or hold a lease, not included. */
  jobProcesses(): readonly number[];
  /** Our own in this guest, as far as they are perl: by their numbers. */
  ownProcesses(): readonly number[];
}

export interface GuestOptions {
  /** False: jobs cannot make any, which only root can choose. */
  readonly controlGroups?: boolean;
  /** False: its sshd forwards nothing. */
  readonly forwarding?: boolean;
  /** The home is a disk of so many bytes, which nobody outside sees; only root can choose. */
  readonly diskBytes?: number;
}

/**
 * A guest that answers. Disposing it is the end of the machine: sshd, sessions and jobs are gone when it returns,
 * and it throws when they are not.
 */
export async function startSshGuest(options: GuestOptions = {}): Promise<SshGuest> {
  const { controlGroups = true, forwarding = true, diskBytes } = options;
  const folder = await makeTempFolder('ssh-guest');
  const home = join(folder.path, 'home');
  mkdirSync(home);
  const hostKey = makeKey(join(folder.path, 'host_key'));
  const loginKey = makeKey(join(folder.path, 'login_key'));
  writeFileSync(join(folder.path, 'authorized_keys'), loginKey.publicKey);
  const port = await freePort();
  writeFileSync(join(folder.path, 'sshd_config'), configOf(folder.path, home, port, forwarding));
  const mounts = [
    ...(controlGroups ? [] : ['mount -t tmpfs none /sys/fs/cgroup']),
    ...(diskBytes === undefined ? [] : [`mount -t tmpfs -o size=${diskBytes} none ${home}`]),
  ];
  const sshd = startSshd(folder.path, mounts);
  await eventually(() => isListening(sshd), { what: 'sshd listens' });
  const access = { host: '127.0.0.1', port, user: userInfo().username, hostKey: hostKey.publicKey };
  return new LoopbackGuest(access, loginKey.privateKey, home, folder, sshd);
}

class LoopbackGuest implements SshGuest {
  readonly access: VmAccess;
  readonly privateKey: string;
  readonly home: string;
  readonly #folder: TempFolder;
  readonly #sshd: Sshd;

  constructor(access: VmAccess, privateKey: string, home: string, folder: TempFolder, sshd: Sshd) {
    this.access = access;
    this.privateKey = privateKey;
    this.home = home;
    this.#folder = folder;
    this.#sshd = sshd;
  }

  dropConnections(): void {
    for (const pid of this.#sessions()) signalProcess(pid, 'SIGKILL');
  }

  async freeze(): Promise<void> {
    await Promise.all([this.#sshd.pid, ...this.#sessions()].map(stopProcess));
  }

  resume(): void {
    for (const pid of [this.#sshd.pid, ...this.#sessions()]) signalProcess(pid, 'SIGCONT');
  }

  jobProcesses(): readonly number[] {
    return this.#marked()
      .filter(({ argv }) => !isOurs(argv))
      .map(({ pid }) => pid);
  }

  ownProcesses(): readonly number[] {
    return this.#marked()
      .filter(({ argv }) => isOurs(argv))
      .map(({ pid }) => pid)
      .sort((a, b) => a - b);
  }

  /** Jobs go first, so that their supervisors clean up after them; what is left of those goes then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dropConnections();
    signalProcess(this.#sshd.pid, 'SIGKILL');
    await eventually(() => !isThere(this.#sshd.pid), { what: 'sshd is gone' });
    const patience = performance.now() + 5_000;
    // A supervisor that a test killed leaves its job's control group.
    const groups = new Set<string>();
    const allGone = () => {
      for (const { pid } of this.#marked()) groups.add(jobGroupOf(pid) ?? '');
      const left = performance.now() < patience ? this.jobProcesses() : this.#marked().map(({ pid }) => pid);
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      return this.#marked().length === 0;
    };
    await eventually(allGone, { what: `nothing of the guest in ${this.#folder.path} runs` });
    groups.delete('');
    const noGroups = () => [...groups].every(removeGroup);
    await eventually(noGroups, { what: `the control groups ${[...groups]} are gone` });
    await this.#folder[Symbol.asyncDispose]();
  }

  #sessions(): number[] {
    return descendantsOf(this.#sshd.pid)
      .filter(({ argv }) => argv[0]?.startsWith('sshd') || argv[0]?.endsWith('/sshd'))
      .map(({ pid }) => pid);
  }

  /** Whatever a session started has the guest's home in its environment. */
  #marked() {
    return processesWithEnvironment(`HOME=${this.home}`);
  }
}

interface Sshd {
  readonly pid: number;
  readonly process: ChildProcess;
  said(): string;
}

function startSshd(root: string, mounts: readonly string[]): Sshd {
  // sshd, started by root, insists on this folder for the unprivileged half of each login.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', join(root, 'sshd_config')];
  const [command = '', ...rest] = process.getuid?.() === 0 ? apart(mounts, sshd) : sshd;
  const [program, args] = dyingWithUs(command, ...rest);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] } });
  if (child.pid === undefined) throw new Error(`cannot start ${command}: install openssh-server`);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_096);
  });
  return { pid: child.pid, process: child, said: () => said };
}

/** With a place of its own for what tasks find at `/run/vm-task`, as each VM has one. */
function apart(mounts: readonly string[], command: readonly string[]): string[] {
  mkdirSync('/run/vm-task', { recursive: true });
  const script = ['mount -t tmpfs none /run/vm-task', ...mounts, 'exec "$@"'].join(' && ');
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', ...command];
}

function isListening({ process: child, said }: Sshd): boolean {
  if (child.exitCode !== null) throw new Error(`sshd ended with exit code ${child.exitCode}: ${said()}`);
  return said().includes('Server listening');
}

function configOf(root: string, home: string, port: number, forwarding: boolean): string {
  return [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(root, 'host_key')}`,
    `AuthorizedKeysFile ${join(root, 'authorized_keys')}`,
    `SetEnv HOME=${home}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    `Subsystem sftp internal-sftp -d ${home}`,
    `AllowStreamLocalForwarding ${forwarding ? 'yes' : 'no'}`,
    // As many logins at once as a test likes.
    'MaxStartups 1000',
    'MaxSessions 100',
    '',
  ].join('\n');
}

function makeKey(path: string): { privateKey: string; publicKey: string } {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
  return { privateKey: readFileSync(path, 'utf8'), publicKey: readFileSync(`${path}.pub`, 'utf8').trim() };
}

function isOurs([program, first = '']: readonly string[]): boolean {
  return program === 'perl' && (first === '-' || /\/\.controller-\d+$/.test(first));
}

function isThere(pid: number): boolean {
  return listProcesses().some((process) => process.pid === pid);
}
