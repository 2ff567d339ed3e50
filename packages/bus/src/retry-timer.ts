/**
 * The wait before another attempt: a schedule of the broker, which survives the death of everybody else. The broker's
 * schedules are young, so whoever sets one also looks whether it has fired.
 */
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { context, propagation } from '@opentelemetry/api';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken, Stored } from '@vm-task/shared/events';
import { retryDueSubject, retryTimerSubject, type TaskKey } from '@vm-task/shared/subjects';
import { z } from 'zod';
import { wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { parseJson, type RawMessage, rawOf } from './envelope.ts';

/** `retrying`: the sequence of the event whose wait is over. */
const dueSchema = z.strictObject({ v: z.literal(1), retrying: z.int().min(1) });

/** The sequence of the `task.retrying` whose wait is over. @throws `unreadable-event`. */
export function readRetryDue(message: RawMessage): number {
  const parsed = dueSchema.safeParse(parseJson(message));
  if (parsed.success) return parsed.data.retrying;
  throw new VmTaskError('unreadable-event', `message ${message.seq} on ${message.subject} is no timer of a retry`);
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
  if (said !== null && readRetryDue(rawOf(said)) === retrying) return false;
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

function dueData(retrying: number): string {
  return JSON.stringify({ v: 1, retrying } satisfies z.infer<typeof dueSchema>);
}

function traced(): MsgHdrs {
  const carrier = headers();
  propagation.inject(context.active(), carrier, { set: (all, key, value) => all.set(key, value) });
  return carrier;
}
