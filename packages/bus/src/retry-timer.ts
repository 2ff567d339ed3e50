/**
 * The wait before another attempt: a schedule of the broker, which survives the death of everybody else. The broker's
 * schedules are young, so whoever sets one also looks whether it has fired.
 */
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { context, propagation } from '@opentelemetry/api';
import type { HostToken, Stored } from '@vm-task/shared/events';
import { retryDueSubject, retryTimerSubject, type TaskKey } from '@vm-task/shared/subjects';
import { tolerant } from '@vm-task/shared/tolerant';
import { z } from 'zod';
import { wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { jsonOf, type RawMessage } from './envelope.ts';

/** `retrying`: the sequence of the event whose wait is over. */
const dueSchema = z.strictObject({ v: z.literal(1), retrying: z.int().min(1) });
const readerSchema = tolerant(dueSchema);
const newerSchema = z.object({ v: z.int().min(2) });

export type RetryDue =
  /** The sequence of the `task.retrying` whose wait is over. */
  | { readonly kind: 'due'; readonly retrying: number }
  /** Of a newer version. */
  | { readonly kind: 'newer' }
  /** No timer of ours. */
  | { readonly kind: 'none' };

export function readRetryDue({ data }: Pick<RawMessage, 'data'>): RetryDue {
  const json = jsonOf(data);
  const parsed = readerSchema.safeParse(json);
  if (parsed.success) return { kind: 'due', retrying: parsed.data.retrying };
  return { kind: newerSchema.safeParse(json).success ? 'newer' : 'none' };
}

/** `host`: of the task's `task.created`. Returns once the broker has it. Another timer of the same task is replaced, one whose time has passed fires at once. */
export async function setRetryTimer(
  { js }: Connection,
  { data, seq }: Stored<'task.retrying'>,
  host: HostToken,
): Promise<void> {
  const schedule = { specification: new Date(data.notBefore), target: retryDueSubject(data, host) };
  await js.publish(retryTimerSubject(data, host), dueData(seq), { headers: traced(), schedule });
}

/** Says that the wait is over, in the broker's stead. False when that has been said already. */
export async function wakeRetry(
  connection: Connection,
  key: TaskKey,
  host: HostToken,
  retrying: number,
): Promise<boolean> {
  const subject = retryDueSubject(key, host);
  const said = await connection.jsm.streams.getMessage('TIMERS', { last_by_subj: subject });
  if (said !== null && says(said, retrying)) return false;
  try {
    const expect = { lastSubjectSequence: said?.seq ?? 0 };
    await connection.js.publish(subject, dueData(retrying), { headers: traced(), expect });
    return true;
  } catch (error) {
    // The timer has fired after all, or another reaper was faster.
    if (wasRefused(error)) return false;
    throw error;
  }
}

function says(message: Pick<RawMessage, 'data'>, retrying: number): boolean {
  const due = readRetryDue(message);
  return due.kind === 'due' && due.retrying === retrying;
}

function dueData(retrying: number): string {
  return JSON.stringify({ v: 1, retrying } satisfies z.infer<typeof dueSchema>);
}

function traced(): MsgHdrs {
  const carrier = headers();
  propagation.inject(context.active(), carrier, { set: (all, key, value) => all.set(key, value) });
  return carrier;
}
