/** A lease of an ordinary host, for tests that need one. */
import type { HostLease } from '@vm-task/shared/host-lease';

export const sampleLease: HostLease = {
  v: 1,
  host: 'host-1',
  version: '1.2.3',
  draining: false,
  maxVms: 4,
  pools: [{ name: 'default', driver: 'qemu', max: 2 }],
  vms: [],
  unreadableVms: 0,
  diskFreeBytes: 1,
  memoryFreeBytes: 1,
  memoryBytes: 2,
  processors: 2,
  kvm: false,
  load: [0, 0, 0],
};
