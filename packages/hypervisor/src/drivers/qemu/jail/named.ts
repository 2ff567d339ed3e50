/**
 * QEMU in a network namespace that a cable joins to another one, in which the gate is (`gate.ts`) and which pasta joins to the
 * host's network. What QEMU sends reaches the gate and nothing behind it: nobody there forwards packets.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownFolder } from '../../../host/own-folder.ts';
import { link, nameRange, proxyConfig, proxyText, resolverConfig, resolverText } from './gate.ts';
import { enterJail, jailWords, systemWords } from './inside.ts';
import type { Jailed, JailOptions } from './options.ts';
import { joinedScript, routeWords } from './pasta.ts';

const resolver = 'resolv.conf';
/** Of the VM's folder, for the gate alone. */
export const gateFolder = 'gate';

/** Every Debian has it; in a mount namespace of its own, what is between the namespaces is there. */
const place = '/srv';
const proxy = '/usr/lib/systemd/systemd-socket-proxyd';
const powerless = 'setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --';

/**
 * Arguments: the guest's port for SSH, the rest as one script, the wall around the gate's programs, then the rest's. The
 * gate's programs have no capability, and see their own folder. The port leads to the guest's namespace as to one that is alone.
 */
const script = `port=$1 enter=$2 wall=$3
shift 3
for program in haproxy dnsmasq systemd-socket-activate ${proxy}; do
  command -v $program >/dev/null || { echo "$program is not installed" >&2; exit 1; }
done
mount -t tmpfs -o mode=755 tmpfs ${place}
mkdir ${place}/gate
mount --no-canonicalize --bind ${gateFolder} ${place}/gate
: > ${place}/guest
unshare --net mount --no-canonicalize --bind /proc/self/ns/net ${place}/guest
ip link add gate type veth peer name vm netns ${place}/guest
ip address add ${link.gate}/${link.mask} dev gate
ip link set gate up
ip route add local ${nameRange} dev lo
guest="nsenter --net=${place}/guest --"
$guest sh -c 'ip link set lo up && ip address add ${link.guest}/${link.mask} dev vm && ip link set vm up && ip route add ${nameRange} via ${link.gate}'
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
systemd-socket-activate --listen="127.0.0.1:$port" $guest ${powerless} ${proxy} "127.0.0.1:$port" </dev/null >/dev/null 2>&1 &
$wall haproxy -q -c -f ${proxyConfig} </dev/null >/dev/null
$wall haproxy -q -db -f ${proxyConfig} </dev/null >/dev/null &
$wall dnsmasq --no-daemon --log-facility=/dev/null --conf-file=${resolverConfig} </dev/null >/dev/null 2>&1 &
exec $guest sh -c "$enter" enter "$@"`;

/** Words that a shell takes apart at spaces: none of them has any. */
const gateWall = [
  ...['bwrap', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--as-pid-1', '--die-with-parent'],
  ...systemWords,
  ...['/dev/null', '/dev/urandom'].flatMap((device) => ['--dev-bind', device, device]),
  ...['--bind', `${place}/gate`, '/gate', '--chdir', '/gate', '--remount-ro', '/'],
  ...['--cap-drop', 'ALL', '--cap-add', 'CAP_SETPCAP', '--'],
  ...powerless.split(' '),
];

export async function namedProgram(
  program: readonly string[],
  options: JailOptions,
  { allow, denied }: { readonly allow: readonly string[]; readonly denied: readonly string[] },
): Promise<Jailed> {
  const { folder, port, owner } = options;
  const gate = join(folder, gateFolder);
  await mkdir(gate, { mode: 0o700 });
  await writeFile(join(gate, proxyConfig), proxyText(allow));
  await writeFile(join(gate, resolverConfig), resolverText(allow));
  await writeFile(join(folder, resolver), `nameserver ${link.gate}\n`, { mode: 0o644 });
  await ownFolder(gate, owner);
  const words = jailWords(program, options, { resolver, hidden: gateFolder });
  const args = [...routeWords(denied), String(port), enterJail, gateWall.join(' '), ...words];
  return joinedScript(script, args, port, owner);
}
