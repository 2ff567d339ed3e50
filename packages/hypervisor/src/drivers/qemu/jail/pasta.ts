/**
 * A network namespace that pasta joins to the host's network as an ordinary program that opens sockets, so what is in there
 * can reach what the host can. Hence routes: to private, link-local and other special ranges, to every address of the host
 * and to what is denied there is none, and loopback is the namespace's own. IPv4 only.
 */
import { networkInterfaces } from 'node:os';
import type { Owner } from '../../../host/own-folder.ts';
import { showProcesses } from './inside.ts';
import type { Jailed } from './options.ts';

/** RFC 6890's special ranges and multicast: nothing there is the internet. And where a cloud answers its own machines. */
const specialRanges = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

/** The namespace's own network, from a range for documentation (RFC 5737), so that it is in nobody's way. */
const own = { address: '192.0.2.2', mask: '255.255.255.252', gateway: '192.0.2.1' } as const;
/** Passes questions on to the host's resolver. */
export const hostResolver = '192.0.2.53';
const device = 'vm0';

/** In the namespace, as its root: routes, and nothing of what pasta had open. Arguments: `routeWords`. */
const setRoutes = `ip link set lo up
ip route flush table main
ip route add default dev ${device}
while [ "$1" != -- ]; do ip route add unreachable "$1"; shift; done
shift
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-`;

/** The special ranges, every address that the host has now, as services listen there, too, and what is denied. */
export function routeWords(denied: readonly string[]): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const ofHost = addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => `${address}/32`);
  return [...new Set([...specialRanges, ...ofHost, ...denied]), '--'];
}

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

/** The shell script as root of such a namespace and of a mount namespace; the host's port leads to the same one there. */
export function joinedScript(script: string, args: readonly string[], port: number, owner: Owner | null): Jailed {
  const command = [
    'unshare',
    '--mount',
    '--',
    'sh',
    '-c',
    `set -eu\n${showProcesses}\n${setRoutes}\n${script}`,
    'enter',
    ...args,
  ];
  const joined = ['pasta', ...pastaOptions(port), '--', ...command];
  if (owner === null) return { argv: joined, runAs: null, port: null };
  const { uid, gid } = owner;
  // The way into the namespace begins with what only root may do, and ends as the owner.
  const argv = ['unshare', '--mount', '--', 'sh', '-c', lendTun, 'lend-tun', String(uid), String(gid), ...joined];
  return { argv, runAs: null, port: null };
}

function pastaOptions(port: number): string[] {
  return [
    ...['--foreground', '--quiet', '--ipv4-only', '--config-net', '--ns-ifname', device],
    ...['--address', own.address, '--netmask', own.mask, '--gateway', own.gateway],
    // Neither the gateway's address nor the namespace's loopback leads to the host's loopback.
    ...['--no-map-gw', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ...['--tcp-ports', `127.0.0.1/${port}`, '--udp-ports', 'none'],
    ...['--dns-forward', hostResolver],
  ];
}
