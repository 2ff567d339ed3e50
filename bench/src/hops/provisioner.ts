/** The provisioner as it is, over a hypervisor whose VMs are entries in memory. */
import type { Image } from '@vm-task/hypervisor/images/image';
import { startProvisioner } from '@vm-task/provisioner/start';
import { runService } from '@vm-task/shared/service';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';

const image: Image = {
  ref: { name: 'python', version: '1.0.0' },
  folder: '/nowhere',
  fingerprint: '0'.repeat(64),
  architecture: 'x86_64',
  disk: 'disk.qcow2',
  boot: { kind: 'firmware' },
  runtimes: { shell: ['/bin/sh', '-e'] },
  virtualSizeMiB: 1,
  minMemoryMiB: 1,
  source: 'recipe',
  createdAt: '2026-01-01T00:00:00Z',
};

await runService({
  name: 'provisioner',
  streams: ['EVENTS'],
  async run({ ready, ...context }) {
    const images = { ensure: async () => image };
    const running = startProvisioner({
      ...context,
      hypervisor: createFakeHypervisor(),
      images,
      tellProgress: () => undefined,
    });
    ready();
    await running;
  },
});
