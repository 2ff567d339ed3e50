/** What the driver has to know of its host, found out once. */
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Owner } from '../../host/own-folder.ts';
import { freezerSlot, reserveUid, uidsFolder } from '../../host/uids.ts';
import type { DriverConfig } from '../driver-config.ts';
import { chooseAccelerator, kvmGroup } from './accelerator.ts';
import type { Accelerator } from './command-line.ts';
import { findWalls, type Walls } from './jail/probe.ts';
import { qemuVersion } from './qemu-version.ts';

export interface HostFacts {
  readonly qemuVersion: string;
  readonly accelerator: Accelerator;
  /** What stands around a VM that reaches no network. */
  readonly walls: Walls;
  /**
   * Whom the VM in the host's slot `n`, whose files are in `folder`, runs as: a user that nobody else on this machine has
   * before `releaseUids(folder)`. Null when we are not root and all run as us.
   */
  reserveOwner(n: number, folder: string): Promise<Owner | null>;
  /** Where no VM may go: IPv4 addresses and ranges. */
  readonly denied: readonly string[];
  /** Whom programs run as that try out what this host can do. */
  readonly prober: Owner | null;
}

/** @throws `tool-missing`, `qemu-too-old`, `kvm-required`. */
export async function hostFacts({ cache }: Environment, config: DriverConfig): Promise<HostFacts> {
  const version = await qemuVersion();
  const isRoot = process.geteuid?.() === 0;
  const ownerOfSlot = (n: number, group: number | null): Owner | null => {
    const uid = config.host.uidBase + n;
    return isRoot ? { uid, gid: group ?? uid } : null;
  };
  const group = await kvmGroup();
  const accelerator = await chooseAccelerator(cache, version, ownerOfSlot(freezerSlot, group));
  requireKvm(config, accelerator);
  // Nobody is of a group that gives access to something that is not used.
  const usedGroup = accelerator === 'kvm' ? group : null;
  const prober = ownerOfSlot(freezerSlot, usedGroup);
  return {
    qemuVersion: version,
    accelerator,
    walls: await findWalls(prober),
    prober,
    denied: config.egress.deny,
    async reserveOwner(n, folder) {
      if (!isRoot) return null;
      const range = { folder: uidsFolder, base: config.host.uidBase, count: freezerSlot + 1 };
      const uid = await reserveUid(range, n, folder);
      return { uid, gid: usedGroup ?? uid };
    },
  };
}

/** @throws `kvm-required` */
function requireKvm({ host }: DriverConfig, accelerator: Accelerator): void {
  if (!host.requireKvm || accelerator === 'kvm') return;
  throw new VmTaskError(
    'kvm-required',
    'no VM is made here: host.requireKvm is true in vm-task.yaml, and no guest runs with KVM on this host; see kvm of ./vm-task doctor',
  );
}
