/**
 * The forms of every id and name. Whatever comes from outside is checked here before it becomes part of a
 * subject, a path or a command line; nothing else that a user typed ever does.
 *
 * - task, pipeline and message ids: a UUIDv7, random or derived from what caused it
 * - VM ids: `vm-` and a UUIDv7, minted by the provisioner
 * - names of pools, images, stages, secrets and named VMs: 1 to 32 of a-z, 0-9 and inner dashes
 */
import { createHash, randomBytes } from 'node:crypto';
import { VmTaskError } from './errors.ts';

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';

export const taskIdPattern = new RegExp(`^${uuid}$`);
export const pipelineIdPattern = taskIdPattern;
export const vmIdPattern = new RegExp(`^vm-${uuid}$`);
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

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

/** Thrown when `text` is not a task id: `invalid-id`. */
export function parseTaskId(text: string): TaskId {
  if (isTaskId(text)) return text;
  throw new VmTaskError('invalid-id', `${JSON.stringify(text.slice(0, 80))} is not a task id (a UUIDv7 in lower case)`);
}

/** Thrown when `text` is not a VM id: `invalid-id`. */
export function parseVmId(text: string): VmId {
  if (isVmId(text)) return text;
  throw new VmTaskError('invalid-id', `${JSON.stringify(text.slice(0, 80))} is not a VM id ("vm-" and a UUIDv7)`);
}

/** Thrown when `text` is not a message id: `invalid-id`. */
export function parseMessageId(text: string): MessageId {
  if (messageIdPattern.test(text)) return text as MessageId;
  throw new VmTaskError(
    'invalid-id',
    `${JSON.stringify(text.slice(0, 80))} is not a message id (a UUIDv7 in lower case)`,
  );
}

/** Thrown when `text` is not a name: `invalid-id`. `what` is the word for it in the message, such as "pool". */
export function parseName(what: string, text: string): string {
  if (namePattern.test(text)) return text;
  throw new VmTaskError(
    'invalid-id',
    `${JSON.stringify(text.slice(0, 80))} is not a ${what} name: 1 to 32 of a-z, 0-9 and inner dashes`,
  );
}

/** A new task id, random beyond its time. */
export function newTaskId(nowMs: number): TaskId {
  return uuidV7(nowMs, randomBytes(16)) as TaskId;
}

/** A new pipeline id, random beyond its time. */
export function newPipelineId(nowMs: number): PipelineId {
  return uuidV7(nowMs, randomBytes(16)) as PipelineId;
}

/** A new VM id, random beyond its time. */
export function newVmId(nowMs: number): VmId {
  return `vm-${uuidV7(nowMs, randomBytes(16))}` as VmId;
}

/** The same cause at the same time is always the same task, so a redelivered cause cannot make a second one. */
export function taskIdFromCause(causedAtMs: number, ...cause: readonly string[]): TaskId {
  const bits = createHash('sha256').update(JSON.stringify(cause)).digest();
  return uuidV7(causedAtMs, bits) as TaskId;
}

/** A new message id, random beyond its time. */
export function newMessageId(nowMs: number): MessageId {
  return uuidV7(nowMs, randomBytes(16)) as MessageId;
}

/** As `taskIdFromCause`, for messages. */
export function messageIdFromCause(causedAtMs: number, ...cause: readonly string[]): MessageId {
  return taskIdFromCause(causedAtMs, ...cause) as string as MessageId;
}

/** The same cause at the same time is always the same pipeline. No cause makes a task and a pipeline of one id. */
export function pipelineIdFromCause(causedAtMs: number, ...cause: readonly string[]): PipelineId {
  const bits = createHash('sha256')
    .update(JSON.stringify(['pipeline', ...cause]))
    .digest();
  return uuidV7(causedAtMs, bits) as PipelineId;
}

/** RFC 9562, section 5.7: 48 bits of Unix milliseconds, version, variant, and 74 bits of `bits`. */
function uuidV7(timeMs: number, bits: Buffer): string {
  const bytes = Buffer.alloc(16);
  bits.copy(bytes, 0, 0, 16);
  bytes.writeUIntBE(Math.max(0, Math.floor(timeMs)), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
