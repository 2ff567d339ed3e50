/**
 * Teams that are at a quota, with the sentences that say so: written by intake, which alone counts, and read by hosts, where
 * tasks ask for tasks and send messages. What it says is a second or two old.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import { teamSchema } from '@vm-task/shared/people';
import { tolerant } from '@vm-task/shared/tolerant';
import { z } from 'zod';
import type { Connection } from './connection.ts';

const stream = 'KV_quotas';
const subject = '$KV.quotas.refusals';

/** Null: there is room. */
const reason = z.string().nullable();
const refusalsSchema = z.strictObject({
  v: z.literal(1),
  /** Those that are at none are left out. */
  teams: z.record(teamSchema, z.strictObject({ task: reason, taskWithFiles: reason, message: reason })),
});
export type QuotaRefusals = z.infer<typeof refusalsSchema>['teams'];
const readerSchema = tolerant(refusalsSchema);

/** What is not there, or cannot be read here, refuses nothing. */
export async function readQuotaRefusals({ jsm }: Connection): Promise<QuotaRefusals> {
  const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
  if (message === null) return {};
  try {
    return readerSchema.parse(JSON.parse(Buffer.from(message.data).toString('utf8'))).teams;
  } catch {
    return {};
  }
}

/** Returns once the broker has it. Only intake may. */
export async function writeQuotaRefusals({ js }: Connection, teams: QuotaRefusals): Promise<void> {
  await js.publish(subject, JSON.stringify(refusalsSchema.parse({ v: 1, teams })));
}

/** Asks nothing where there is no team. @throws `quota-exceeded`. */
export async function requireQuota(
  connection: Connection,
  team: string | undefined,
  what: keyof QuotaRefusals[string],
): Promise<void> {
  const refusals = team === undefined ? {} : await readQuotaRefusals(connection);
  const why = team === undefined || !Object.hasOwn(refusals, team) ? null : refusals[team]?.[what];
  if (why !== null && why !== undefined) throw new VmTaskError('quota-exceeded', why);
}
