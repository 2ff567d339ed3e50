/** What `vm-task doctor` can find out about clones: whether guests run with KVM, behind which walls, and the image of every pool. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { errorInfo } from '@vm-task/shared/errors';
import { checkImage } from '../../images/check-image.ts';
import { parseImageRef } from '../../images/image-ref.ts';
import type { ImageStore } from '../../images/image-store.ts';
import type { DriverOptions } from '../driver.ts';
import { type Finding, fail, NotCheckable, pass, warn } from '../finding.ts';
import { type HostFacts, hostFacts } from './host-facts.ts';
import { type Walls, weaknessOf } from './jail/probe.ts';

const device = '/dev/kvm';

/** By running a guest, as is done before the first VM. @throws `NotCheckable` without a QEMU that will do */
export async function checkKvm(options: DriverOptions): Promise<Finding> {
  const { host } = options.config;
  const { accelerator } = await factsOf({
    ...options,
    config: { ...options.config, host: { ...host, requireKvm: false } },
  });
  const finding = assessKvm(accelerator === 'kvm', await deviceState());
  return accelerator !== 'kvm' && host.requireKvm ? refused(finding) : finding;
}

async function factsOf({ environment, config }: DriverOptions): Promise<HostFacts> {
  return await hostFacts(environment, config).catch((error) => {
    const { code, message } = errorInfo(error);
    if (code === 'tool-missing' || code === 'qemu-too-old') throw new NotCheckable('QEMU is missing; see tools');
    throw new Error(message, { cause: error });
  });
}

/** As every task is, by `kvm-required`. */
export function refused({ detail, fix }: Finding): Finding {
  const remedy =
    'host.requireKvm: false in vm-task.yaml lets guests be emulated, which is no isolation; or a host with KVM';
  return fail(`no VM is made here, because host.requireKvm is true: ${detail}`, fix ?? remedy);
}

export type DeviceState = 'absent' | 'closed' | 'open';

async function deviceState(): Promise<DeviceState> {
  if ((await stat(device).catch(() => null)) === null) return 'absent';
  return await access(device, constants.R_OK | constants.W_OK).then(
    () => 'open' as const,
    () => 'closed' as const,
  );
}

/** Nothing is amiss where there is nothing that anybody could do. */
export function assessKvm(runsGuests: boolean, state: DeviceState): Finding {
  if (runsGuests) return pass('guests run with KVM');
  const slower = 'guests are emulated, which works and is slower';
  if (state === 'absent') return pass(`there is no ${device} here: ${slower}`);
  if (state === 'open') return pass(`no guest runs with this host's ${device}, as on many virtual hosts: ${slower}`);
  return warn(`you may not open ${device}: ${slower}`, 'usermod --append --groups kvm "$USER", then log in anew');
}

/** By jailing a program, as is done with each QEMU. @throws `NotCheckable` without a QEMU that will do */
export async function checkWalls(options: DriverOptions): Promise<Finding> {
  const { host } = options.config;
  const config = { ...options.config, host: { ...host, requireKvm: false } };
  return assessWalls((await factsOf({ ...options, config })).walls);
}

/** What is weaker, and what sets it right. */
export function assessWalls(walls: Walls): Finding {
  if (walls.kind === 'lacking') return warn(`${weaknessOf(walls)}: ${walls.why}`, remedy);
  const held = 'each QEMU runs in namespaces of its own, with a root folder of its own, no capability, and limits';
  return pass(`${held}; no control group bounds its processor time or its memory as a whole`);
}

const remedy =
  'apt-get install bubblewrap iproute2 systemd; as an ordinary user, and in a container, user namespaces must be allowed';

/** Whole on disk, or buildable. @throws `NotCheckable` without qemu-img */
export async function checkImages(wanted: readonly string[], store: ImageStore, signal: AbortSignal): Promise<Finding> {
  const found = await Promise.all(
    [...new Set(wanted)].map(async (name) => {
      try {
        const health = await checkImage(store, parseImageRef(name), signal);
        return { name, health, problem: null };
      } catch (error) {
        const { code, message } = errorInfo(error);
        if (code === 'tool-missing') throw new NotCheckable('qemu-img is missing; see tools');
        return { name, health: null, problem: message };
      }
    }),
  );
  const broken = found.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  if (broken.length > 0) {
    const fix =
      '`./vm-task image rm NAME`, then `./vm-task image build NAME` or import it again; `image` of a pool names one';
    return fail(broken.join('; '), fix);
  }
  return pass(found.map(({ name, health }) => `${name}: ${health}`).join(', ') || 'no pool needs one');
}
