/** What stands between two tasks on this host, and what is weaker than it could be. */
import type { DriverDeclaration } from '@vm-task/hypervisor/drivers/driver';
import { type Finding, NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { errorInfo } from '@vm-task/shared/errors';

export interface IsolationOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
}

/** One sentence each, the first for every host. What cannot be found out here is for `doctor` to say. */
export async function isolation(options: IsolationOptions): Promise<readonly string[]> {
  const uids =
    process.getuid?.() === 0
      ? 'each VM runs under a uid of its own'
      : 'all VMs run under your uid, as you are not root';
  const weaker = (await findings(options)).filter(({ status }) => status !== 'pass');
  return [
    `isolation: ${uids}; without KVM, QEMU promises no security boundary`,
    ...weaker.map(({ detail }) => `isolation is weaker here: ${detail}`),
  ];
}

/** Why no VM is made here, though the system is up: `host.requireKvm` and no KVM. Empty where that is not so. */
export async function refusals(options: IsolationOptions): Promise<readonly string[]> {
  if (!options.config.host.requireKvm) return [];
  return (await findings(options)).flatMap(({ status, detail }) => (status === 'fail' ? [detail] : []));
}

async function findings({ environment, config }: IsolationOptions): Promise<Finding[]> {
  const used = new Set(Object.values(config.pools).map(({ driver }) => driver));
  const drivers = config.drivers.all.filter(({ name }) => used.has(name));
  return (await Promise.all(drivers.map((driver) => findingsOf(driver, { environment, config })))).flat();
}

async function findingsOf(declaration: DriverDeclaration, options: IsolationOptions): Promise<Finding[]> {
  const checks = declaration.checks.filter(({ isIsolation }) => isIsolation === true);
  const driver = await declaration.open(options);
  const looks = checks.map(async ({ name, limitMs }): Promise<Finding[]> => {
    try {
      return [await driver.doctor(name, AbortSignal.timeout(limitMs))];
    } catch (error) {
      if (error instanceof NotCheckable) return [];
      return [{ status: 'fail', detail: errorInfo(error).message, fix: null }];
    }
  });
  return (await Promise.all(looks)).flat();
}
