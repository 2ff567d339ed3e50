/** From a network namespace to the program behind its walls: the part that all ways out have in common. */
import type { Accelerator } from '../command-line.ts';
import { type Limits, limitWords } from './limits.ts';

export interface Inside {
  /** The program's working directory, and the only folder of the host's that it can write to. */
  readonly folder: string;
  /** The files there that it only reads. */
  readonly readOnly: readonly string[];
  readonly accelerator: Accelerator;
  readonly limits: Limits;
}

/** Where the program finds its folder. */
const place = '/vm';
/** Every Debian has it; in a mount namespace of its own, the VM's folder lies over it. */
const step = '/mnt';

/**
 * As root of a user and a process namespace. bubblewrap looks for its child in /proc, and in the one of another namespace it finds
 * whatever process has that number there, or none. Inside a container whose /proc is partly hidden the kernel refuses this.
 */
export const showProcesses = 'mount -t proc proc /proc 2>/dev/null || :';

/**
 * As root of a user namespace, in the VM's folder, which only its own user may enter, however deep in a home it lies:
 * so it is mounted where it can be named. Then nobody makes a user namespace within this one, the limits hold, and
 * bubblewrap does the rest. Arguments: limits in pairs, `--`, bubblewrap's command line.
 */
export const enterJail = `mount --no-canonicalize --bind . ${step}
cd ${step}
echo 0 > /proc/sys/user/max_user_namespaces
while [ "$1" != -- ]; do ulimit "$1" "$2" 2>/dev/null || :; shift 2; done
shift
exec "$@"`;

/** Debian's programs, their libraries and firmware. All are in /usr, whatever the old names say. */
export const systemWords = [
  ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin'],
  ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
] as const;

export interface Names {
  /** A file of the folder that becomes /etc/resolv.conf, or null for none. */
  readonly resolver: string | null;
  /** A folder of the folder that is empty inside, or null. */
  readonly hidden: string | null;
}

/** What follows `enterJail`'s script. */
export function jailWords(program: readonly string[], inside: Inside, { resolver, hidden }: Names): string[] {
  const { folder: _, readOnly, accelerator, limits } = inside;
  const devices = ['/dev/null', '/dev/urandom', ...(accelerator === 'kvm' ? ['/dev/kvm'] : [])];
  return [
    ...limitWords(limits),
    '--',
    ...['bwrap', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--hostname', 'vm-task'],
    ...['--as-pid-1', '--die-with-parent'],
    ...systemWords,
    ...devices.flatMap((device) => ['--dev-bind', device, device]),
    ...(resolver === null ? [] : ['--ro-bind', `${step}/${resolver}`, '/etc/resolv.conf']),
    ...['--bind', step, place, '--chdir', place],
    ...(hidden === null ? [] : ['--tmpfs', `${place}/${hidden}`]),
    ...readOnly.flatMap((name) => ['--ro-bind', `${step}/${name}`, `${place}/${name}`]),
    ...['--remount-ro', '/'],
    // The bounding set is emptied by whoever has this one capability, and with it that one goes, too.
    ...['--cap-drop', 'ALL', '--cap-add', 'CAP_SETPCAP', '--'],
    ...['setpriv', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--'],
    ...program,
  ];
}
