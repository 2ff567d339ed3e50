/** New ids, random or derived from what caused them. */
import { createHash, randomBytes } from 'node:crypto';
import type { MessageId, PipelineId, TaskId, VmId } from './ids.ts';

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
