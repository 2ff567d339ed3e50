/** Every check of `doctor`, in the order in which they are shown: what others rest on comes first. */
import { broker } from './broker.ts';
import type { Check } from './check.ts';
import { clock } from './clock.ts';
import { configuration } from './configuration.ts';
import { deadLetters } from './dead-letters.ts';
import { disk } from './disk.ts';
import { images } from './images.ts';
import { kvm } from './kvm.ts';
import { leaks } from './leaks.ts';
import { memory } from './memory.ts';
import { namedVms } from './named-vms.ts';
import { permissions } from './permissions.ts';
import { pools } from './pools.ts';
import { ports } from './ports.ts';
import { services } from './services.ts';
import { streams } from './streams.ts';
import { templates } from './templates.ts';
import { tools } from './tools.ts';

export const checks: readonly Check[] = [
  configuration,
  tools,
  kvm,
  disk,
  memory,
  images,
  services,
  broker,
  streams,
  permissions,
  clock,
  ports,
  templates,
  namedVms,
  pools,
  leaks,
  deadLetters,
];
