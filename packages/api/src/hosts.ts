/** The hosts that have VMs, as they say themselves. */
import { hostLeaseSchema } from '@vm-task/shared/host-lease';
import { z } from 'zod';
import type { Route } from './route.ts';

const { host, ...said } = hostLeaseSchema.omit({ v: true }).shape;

const hostViewSchema = z.object({
  name: host,
  /** When the host was last heard of, by the broker's clock. */
  renewedAt: z.iso.datetime(),
  /** Milliseconds since then, by the broker's clock. */
  ageMs: z.int(),
  /** Null for what only a newer version can read. */
  lease: z.object(said).nullable(),
});
export type HostView = z.infer<typeof hostViewSchema>;

export const hostRoutes = {
  list: {
    method: 'GET',
    path: '/v1/hosts',
    role: 'viewer',
    summary: 'List hosts',
    status: 200,
    answer: z.object({ hosts: z.array(hostViewSchema) }),
  },
} as const satisfies Record<string, Route>;
