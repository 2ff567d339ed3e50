/** Every check of `doctor`, in the order in which they are shown: what others rest on comes first. */
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { broker } from './broker.ts';
import type { Check } from './check.ts';
import { clock } from './clock.ts';
import { configuration } from './configuration.ts';
import { deadLetters } from './dead-letters.ts';
import { disk } from './disk.ts';
import { driverChecks } from './driver-checks.ts';
import { leaks } from './leaks.ts';
import { memory } from './memory.ts';
import { permissions } from './permissions.ts';
import { pools } from './pools.ts';
import { ports } from './ports.ts';
import { services } from './services.ts';
import { streams } from './streams.ts';
import { templates } from './templates.ts';
import { tools } from './tools.ts';
import { versions } from './versions.ts';

export function checksFor(drivers: Drivers): readonly Check[] {
  return [
    configuration,
    tools,
    disk,
    memory,
    ...driverChecks(drivers),
    services,
    broker,
    streams,
    permissions,
    versions,
    clock,
    ports,
    templates,
    pools,
    leaks,
    deadLetters,
  ];
}
