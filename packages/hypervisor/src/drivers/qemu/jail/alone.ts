/**
 * A network namespace that nothing joins, for guests that reach nothing: it has a loopback and no other device. One
 * port leads into it, to the guest's SSH. systemd-socket-proxyd is given the host's end, listening already, and opens
 * connections in the namespace. It is in another process namespace than QEMU and keeps to itself, because a socket of
 * the host's network in the hands of a guest that broke out would be a way into that network.
 */
import { enterJail, jailWords, showProcesses } from './inside.ts';
import type { Jailed, JailOptions } from './options.ts';

const proxy = '/usr/lib/systemd/systemd-socket-proxyd';

/**
 * Root of its own user namespace, first process of its own process namespace: all in there end when it does. Argument:
 * the port; then `enterJail`'s. What systemd calls socket activation is that the listening file is 3, and who it is for.
 */
const enter = `set -eu
[ -x ${proxy} ] || { echo '${proxy} is not installed' >&2; exit 1; }
ip link set lo up
${showProcesses}
port=$1
shift
sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' proxy setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- \\
  ${proxy} "127.0.0.1:$port" </dev/null >/dev/null &
exec 3>&-
${enterJail}`;

export function aloneProgram(program: readonly string[], options: JailOptions): Jailed {
  const { port, owner } = options;
  const namespaces = ['--user', '--map-root-user', '--mount', '--net', '--pid', '--fork', '--kill-child=KILL'];
  const words = jailWords(program, options, { resolver: null, hidden: null });
  return {
    argv: ['unshare', ...namespaces, '--', 'sh', '-c', enter, 'enter', String(port), ...words],
    runAs: owner,
    port,
  };
}
