/** What pools are configured, and how many tasks of each status every one has. */
import { sizeSchema } from '@vm-task/shared/sizes';
import { z } from 'zod';
import type { Route } from './route.ts';
import { taskStatuses } from './tasks.ts';

const poolViewSchema = z.object({
  name: z.string(),
  driver: z.string(),
  image: z.string(),
  sizes: z.array(sizeSchema),
  max: z.int(),
  warm: z.int(),
  tasks: z.record(z.enum(taskStatuses), z.int()),
});
export type PoolView = z.infer<typeof poolViewSchema>;

export const poolRoutes = {
  list: {
    method: 'GET',
    path: '/v1/pools',
    role: 'viewer',
    summary: 'List pools',
    status: 200,
    answer: z.object({ pools: z.array(poolViewSchema) }),
  },
} as const satisfies Record<string, Route>;
