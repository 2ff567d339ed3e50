/** What the drivers can look at: for the pools that are theirs, as they would for a task. */
import type { DriverCheck, DriverDeclaration } from '@vm-task/hypervisor/drivers/driver';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import type { Check } from './check.ts';

export function driverChecks({ all }: Drivers): Check[] {
  return all.flatMap((driver) => driver.checks.map((check) => checkOf(driver, check)));
}

function checkOf(declaration: DriverDeclaration, { name, limitMs }: DriverCheck): Check {
  return {
    name,
    limitMs,
    async look({ environment, config }, signal) {
      const driver = await declaration.open({ environment, config: config() });
      return await driver.doctor(name, signal);
    },
  };
}
