/**
 * The forms of every id and name. Whatever comes from outside is checked here before it becomes part of a
 * subject, a path or a command line; nothing else that a user typed ever does.
 *
 * - task, pipeline and message ids: a UUIDv7, random or derived from what caused it (`new-ids.ts`)
 * - VM ids: `vm-` and a UUIDv7, minted by the provisioner
 * - names of pools, images, stages, secrets and named VMs: 1 to 32 of a-z, 0-9 and inner dashes
 */
import { VmTaskError } from './errors.ts';

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';

export const taskIdPattern = new RegExp(`^${uuid}$`);
export const pipelineIdPattern = taskIdPattern;
export const vmIdPattern = new RegExp(`^vm-${uuid}$`);
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;
export const nameForm = '1 to 32 of a-z, 0-9 and inner dashes';

/** Tasks that people answer are of this pool. It has no machines, and no configured one may have its name. */
export const manualPool = 'manual';

export const messageIdPattern = taskIdPattern;

export type TaskId = string & { readonly __brand: 'TaskId' };
export type VmId = string & { readonly __brand: 'VmId' };
export type MessageId = string & { readonly __brand: 'MessageId' };
export type PipelineId = string & { readonly __brand: 'PipelineId' };

export function isTaskId(text: string): text is TaskId {
  return taskIdPattern.test(text);
}

export function isPipelineId(text: string): text is PipelineId {
  return pipelineIdPattern.test(text);
}

export function isVmId(text: string): text is VmId {
  return vmIdPattern.test(text);
}

/** @throws when `text` is not a task id: `invalid-id`. */
export function parseTaskId(text: string): TaskId {
  if (isTaskId(text)) return text;
  throw new VmTaskError('invalid-id', `${JSON.stringify(text.slice(0, 80))} is not a task id (a UUIDv7 in lower case)`);
}

/** @throws when `text` is not a VM id: `invalid-id`. */
export function parseVmId(text: string): VmId {
  if (isVmId(text)) return text;
  throw new VmTaskError('invalid-id', `${JSON.stringify(text.slice(0, 80))} is not a VM id ("vm-" and a UUIDv7)`);
}

/** @throws when `text` is not a message id: `invalid-id`. */
export function parseMessageId(text: string): MessageId {
  if (messageIdPattern.test(text)) return text as MessageId;
  throw new VmTaskError(
    'invalid-id',
    `${JSON.stringify(text.slice(0, 80))} is not a message id (a UUIDv7 in lower case)`,
  );
}

/** @throws when `text` is not a name: `invalid-id`. `what` is the word for it in the message, such as "pool". */
export function parseName(what: string, text: string): string {
  if (namePattern.test(text)) return text;
  throw new VmTaskError('invalid-id', `${JSON.stringify(text.slice(0, 80))} is not a ${what} name: ${nameForm}`);
}
