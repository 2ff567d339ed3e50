/**
 * QEMU in a network namespace of its own, for guests that may use the internet. pasta joins it to the host's network
 * as an ordinary program that opens sockets, so what a guest sends can reach what the host can. Hence routes: to
 * private, link-local and other special ranges and to every address of the host there is none, and loopback is the
 * namespace's own. IPv4 only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { freePort } from '../../host/free-port.ts';
import type { Owner } from '../../host/own-folder.ts';

/** RFC 6890's special ranges and multicast: nothing there is the internet. */
const specialRanges = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

/** The namespace's own network, from a range for documentation (RFC 5737), so that it is in nobody's way. */
const own = { address: '192.0.2.2', mask: '255.255.255.252', gateway: '192.0.2.1', resolver: '192.0.2.53' } as const;
const device = 'vm0';

/**
 * In the namespace, as its root: routes, then a resolver that pasta passes on to the host's, then the program without
 * a capability and without what pasta had open. Arguments: the ranges without a route, `--`, the program.
 */
const enter = `set -eu
ip link set lo up
ip route flush table main
ip route add default dev ${device}
while [ "$1" != -- ]; do ip route add unreachable "$1"; shift; done
shift
mount --bind resolv.conf /etc/resolv.conf
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"`;

/**
 * As root, before pasta: a device that the VM's user may open, whatever the host's own one allows, in a mount
 * namespace where nobody else sees it. Arguments: uid, gid, the program.
 */
const lendTun = `set -eu
uid=$1 gid=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups --inh-caps=-all -- "$@"`;

export interface NamespaceOptions {
  /** The program's working directory, which it gets `resolv.conf` in. */
  readonly folder: string;
  /** Where the program listens inside, and where that is reached from on the host, on 127.0.0.1. */
  readonly port: number;
  /** Whom all of it runs as when we are root: then what is returned has to be started as root. */
  readonly owner: Owner | null;
}

/** The command line that runs the program in a namespace of its own; its end is the program's end. */
export async function inNamespace(program: readonly string[], options: NamespaceOptions): Promise<string[]> {
  const { folder, port, owner } = options;
  await writeFile(join(folder, 'resolv.conf'), `nameserver ${own.resolver}\n`, { mode: 0o444 });
  const command = ['unshare', '--mount', '--', 'sh', '-c', enter, 'enter', ...closedRanges(), '--', ...program];
  const joined = ['pasta', ...pastaOptions(port), '--', ...command];
  if (owner === null) return joined;
  const { uid, gid } = owner;
  return ['unshare', '--mount', '--', 'sh', '-c', lendTun, 'lend-tun', String(uid), String(gid), ...joined];
}

function pastaOptions(port: number): string[] {
  return [
    ...['--foreground', '--quiet', '--ipv4-only', '--config-net', '--ns-ifname', device],
    ...['--address', own.address, '--netmask', own.mask, '--gateway', own.gateway],
    // Neither the gateway's address nor the namespace's loopback leads to the host's loopback.
    ...['--no-map-gw', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ...['--tcp-ports', `127.0.0.1/${port}`, '--udp-ports', 'none'],
    ...['--dns-forward', own.resolver],
  ];
}

/** The special ranges, and every address that the host has now: services listen there, too. */
export function closedRanges(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const ofHost = addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => `${address}/32`);
  return [...new Set([...specialRanges, ...ofHost])];
}

/** Half a second on an idle host. */
const probeLimitMs = 20_000;

/** Returns when a namespace could be made and joined. @throws when not: `egress-unavailable`, with what is missing. */
export async function proveNamespace(owner: Owner | null): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vm-task-probe-'));
  try {
    await chmod(folder, 0o755);
    const argv = await inNamespace(['true'], { folder, port: await freePort(), owner });
    const complaint = await complaintOf(argv, folder);
    if (complaint === null) return;
    const remedy = 'apt-get install passt, and as an ordinary user allow user namespaces and open /dev/net/tun to it';
    const needed = 'egress: internet needs a network namespace joined by pasta, and none can be made here';
    throw new VmTaskError('egress-unavailable', `${needed}: ${complaint}; ${remedy}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Null when the program ends well; else what it said. Nothing that it started is left. */
async function complaintOf([program = '', ...args]: readonly string[], folder: string): Promise<string | null> {
  const path = join(folder, 'complaint');
  await using log = await open(path, 'w');
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'ignore', log.fd],
    timeout: probeLimitMs,
    killSignal: 'SIGKILL',
  });
  try {
    const [code] = await once(child, 'exit');
    if (code === 0) return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    killGroup(child.pid);
  }
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => !line.includes('to syslog'));
  return lines.join(' ').trim();
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
