/**
 * What attempts say about how far they are, in `LOGS` beside their output. The newest counts; nothing is decided by it,
 * so it expects no sequence and is not waited for when the broker is away.
 */
import type { HostToken } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { type Progress, type ProgressView, progressSchema, progressView } from '@vm-task/shared/progress';
import { factsOfLog, progressSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { follow } from './follow.ts';

/** @throws what the broker's absence throws. */
export async function storeProgress(
  { js }: Connection,
  task: TaskId,
  attempt: number,
  host: HostToken,
  progress: Progress,
): Promise<void> {
  await js.publish(progressSubject(task, attempt, host), JSON.stringify(progress));
}

/** The newest of any attempt on that host, or null. */
export async function readProgress({ jsm }: Connection, task: TaskId, host: HostToken): Promise<ProgressView | null> {
  const last = await jsm.streams.getMessage('LOGS', { last_by_subj: progressSubject(task, '*', host) });
  return last === null ? null : progressOf(last);
}

/** Which task has said something, as it comes from now on, until `signal`. */
export async function* followProgress(connection: Connection, signal: AbortSignal): AsyncGenerator<TaskId, void, void> {
  const options = { stream: 'LOGS', filter: progressSubject('*', '*', '*'), from: 'new' as const, signal };
  for await (const { message } of follow(connection, options)) {
    const facts = factsOfLog(message.subject);
    if (facts !== null) yield facts.task;
  }
}

/** Null for what is no progress of this version. */
export function progressOf({ data, time }: { readonly data: Uint8Array; readonly time: Date }): ProgressView | null {
  try {
    const parsed = progressSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return parsed.success ? progressView(parsed.data, time) : null;
  } catch {
    return null;
  }
}
