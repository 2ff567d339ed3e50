/** What the routes of one task's server are given. */

import type { Bus } from '@vm-task/bus/bus';
import type { Job } from '@vm-task/guest/job';
import type { SystemConfig } from '@vm-task/service/config';
import type { Stored } from '@vm-task/shared/events';
import type { Json } from '@vm-task/shared/json';
import type { FastifyInstance } from 'fastify';
import type { Attempt } from '../attempt.ts';
import type { Guest } from '../guest.ts';
import type { GuestLog } from '../guest-log.ts';
import type { Secrets } from '../secrets.ts';
import type { ProgressLine } from './progress-line.ts';

export type GuestApiServer = FastifyInstance;

/** What is known of the task that asks. */
export interface Asking {
  readonly attempt: Attempt;
  readonly created: Stored<'task.created'>;
  readonly needs: Readonly<Record<string, Json>> | null;
  readonly secrets: Secrets;
  readonly job: Job;
  /** When the process has to be over, by the broker's clock. */
  readonly deadline: Date;
}

export interface GuestApiDeps extends Asking {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly progress: ProgressLine;
  readonly log: GuestLog;
  /** The machine, as it can be reached now. */
  readonly guest: () => Guest;
}
