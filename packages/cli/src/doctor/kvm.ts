/** Whether guests run with KVM: by running one, as the driver does before its first VM. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { hostFacts } from '@vm-task/hypervisor/drivers/qemu/host-facts';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, type Finding, pass, warn } from './check.ts';
import { NotCheckable } from './not-checkable.ts';

const device = '/dev/kvm';

export const kvm: Check = {
  name: 'kvm',
  // A guest of nine bytes is given 5 s.
  limitMs: 20_000,
  async look({ environment, config }) {
    const { accelerator } = await hostFacts(environment, config()).catch((error) => {
      const { code, message } = errorInfo(error);
      if (code === 'tool-missing' || code === 'qemu-too-old') throw new NotCheckable('QEMU is missing; see tools');
      throw new Error(message, { cause: error });
    });
    return judgeKvm(accelerator === 'kvm', await deviceState());
  },
};

export type DeviceState = 'absent' | 'closed' | 'open';

async function deviceState(): Promise<DeviceState> {
  if ((await stat(device).catch(() => null)) === null) return 'absent';
  return await access(device, constants.R_OK | constants.W_OK).then(
    () => 'open' as const,
    () => 'closed' as const,
  );
}

/** Nothing is amiss where there is nothing that anybody could do. */
export function judgeKvm(runsGuests: boolean, state: DeviceState): Finding {
  if (runsGuests) return pass('guests run with KVM');
  const slower = 'guests are emulated, which works and is slower';
  if (state === 'absent') return pass(`there is no ${device} here: ${slower}`);
  if (state === 'open') return pass(`no guest runs with this host's ${device}, as on many virtual hosts: ${slower}`);
  return warn(`you may not open ${device}: ${slower}`, 'usermod --append --groups kvm "$USER", then log in anew');
}
