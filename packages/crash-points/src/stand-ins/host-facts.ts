/** Stands in for the hypervisor's: a host that needs neither QEMU nor KVM. */
import type { HostFacts } from '@vm-task/hypervisor/drivers/qemu/host-facts';

export const standInFacts: HostFacts = {
  qemuVersion: 'stand-in',
  accelerator: 'tcg',
  walls: { kind: 'lacking', why: 'an sshd of this host stands in for the guest' },
  reserveOwner: async () => null,
  denied: [],
  prober: null,
};

export async function hostFacts(): Promise<HostFacts> {
  return standInFacts;
}
