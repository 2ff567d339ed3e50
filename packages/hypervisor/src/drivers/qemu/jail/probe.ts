/** Whether this host can jail a program, found out by jailing one that does nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { freePort } from '../../../host/free-port.ts';
import { type Owner, ownFolder } from '../../../host/own-folder.ts';
import type { CloneClass } from '../record.ts';
import { holdPort } from './hold-port.ts';
import { jailed } from './jail.ts';
import { limitsOf } from './limits.ts';
import { type WayOut, wayOutOf } from './options.ts';

/** What stands around a QEMU that reaches no network. */
export type Walls =
  | { readonly kind: 'whole' }
  /** It runs in the host's namespaces, as its own user where we are root. `why`: what a jail lacks here. */
  | { readonly kind: 'lacking'; readonly why: string };

/** What does not hold, as the beginning of a sentence; null where everything does. */
export function weaknessOf({ kind }: Walls): string | null {
  if (kind === 'whole') return null;
  return "QEMU runs in the host's network, mount and process namespaces, and a guest that breaks out of it sees them";
}

/** A tenth of a second on an idle host. */
const probeLimitMs = 20_000;

const anySize = { cpus: 1, memoryMiB: 1, diskMiB: 1 };

/** What can be had here. @throws when the host does not answer in time: then it is asked again. */
export async function findWalls(owner: Owner | null): Promise<Walls> {
  const why = await complaintOf({ kind: 'none' }, owner);
  return why === null ? { kind: 'whole' } : { kind: 'lacking', why };
}

/** Returns when namespaces could be made and joined as the class needs it. @throws when not: `egress-unavailable`, with what is missing. */
export async function proveEgress(vmClass: Pick<CloneClass, 'egress' | 'allow'>, owner: Owner | null): Promise<void> {
  const wayOut = wayOutOf(vmClass, []);
  if (wayOut.kind === 'none') return;
  const complaint = await complaintOf(wayOut, owner);
  if (complaint === null) return;
  const isNamed = wayOut.kind === 'names';
  const packages = isNamed ? 'passt bubblewrap haproxy dnsmasq-base systemd' : 'passt bubblewrap';
  const remedy = `apt-get install ${packages}, and as an ordinary user allow user namespaces and open /dev/net/tun to it`;
  const needed = `egress: ${isNamed ? '{ allow }' : 'internet'} needs a network namespace joined by pasta, and none can be made here`;
  throw new VmTaskError('egress-unavailable', `${needed}: ${complaint}; ${remedy}`);
}

/** Null when a program ended well in its jail; else what was said. Nothing that was started is left. */
async function complaintOf(wayOut: WayOut, owner: Owner | null): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'vm-task-probe-'));
  try {
    await chmod(folder, 0o700);
    await ownFolder(folder, owner);
    return await tryJail(folder, wayOut, owner);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tryJail(folder: string, wayOut: WayOut, owner: Owner | null): Promise<string | null> {
  const port = await freePort();
  const inside = { folder, readOnly: [], accelerator: 'tcg', limits: limitsOf(anySize) } as const;
  const options = { ...inside, wayOut, port, owner } as const;
  const { argv, runAs, port: held } = await jailed(['true'], options);
  const path = join(folder, 'complaint');
  await using log = await open(path, 'w');
  await using holding = held === null ? null : await holdPort(held);
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'ignore', log.fd, holding === null ? 'ignore' : holding.fd],
    timeout: probeLimitMs,
    killSignal: 'SIGKILL',
    ...(runAs ?? {}),
  });
  try {
    const [code] = await once(child, 'exit');
    if (code === 0) return null;
    if (code === null) throw new Error(`a program could not be jailed within ${probeLimitMs / 1_000} s`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return `${program} is not installed`;
    throw error;
  } finally {
    killGroup(child.pid);
  }
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => !line.includes('to syslog'));
  return lines.join(' ').trim() || 'no reason was given';
}

/** A pasta that fails leaves a child of its own behind. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
