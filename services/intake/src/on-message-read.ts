/** Handles message.read. Emits: nothing. A task has read a message to it: marked, if the host that says so had the task's VM. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { markMessage, readMessage } from '@vm-task/bus/inbox';
import { done, type HandlerOutcome, reject } from '@vm-task/bus/outcome';
import { messageReadSchema } from '@vm-task/shared/commands';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { mayRead } from '@vm-task/shared/people';
import { askerOf, type TaskKey } from '@vm-task/shared/subjects';
import { explainIssues } from '@vm-task/shared/unknown-keys';

export interface MessageReadDeps {
  readonly bus: Pick<Bus, 'connection'>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
  /** True when an attempt of the task has had its VM there. */
  readonly hadVmOn: (key: TaskKey, host: HostToken) => Promise<boolean>;
}

export async function onMessageRead(
  { bus, findCreated, hadVmOn }: MessageReadDeps,
  { event }: Handling<RawMessage>,
): Promise<HandlerOutcome> {
  const parsed = messageReadSchema.safeParse(parseJson(event));
  if (!parsed.success) return reject(explainIssues(parsed.error, messageReadSchema));
  const asker = askerOf(event.subject);
  const created = asker === null ? null : await findCreated(asker.task);
  if (asker === null || created === null) return reject(`${event.subject} names no task`);
  const { task, pool } = created.data;
  const kept = await readMessage(bus.connection, parsed.data.id);
  if (kept === null) return done();
  if (!(await hadVmOn(created.data, asker.host)))
    return reject(`task ${task} was never at work on the host that says so`);
  // A named VM's messages are for whoever works there.
  if (kept.message.to !== task && kept.message.to !== pool) return reject(`the message is not to task ${task}`);
  if (!mayRead(created.data, kept.message)) return reject(`the message is of another team than task ${task}`);
  await markMessage(bus.connection, parsed.data.id, 'read').catch((error) => {
    if (!(error instanceof VmTaskError && error.code === 'message-not-found')) throw error;
  });
  return done();
}
