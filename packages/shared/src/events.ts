/**
 * Every event: one zod schema each, with a version. An event's subject follows from its data alone (`subjects.ts`).
 * CloudEvents attributes and the trace context travel as headers (`bus/envelope.ts`), the data as JSON.
 */
import { z } from 'zod';
import { namePattern, type TaskId, taskIdPattern, type VmId, vmIdPattern } from './ids.ts';
import { linksSchema } from './links.ts';
import { pipelineEventSchemas, stageRefSchema } from './pipelines/events.ts';
import { retryPhases } from './retry-policy.ts';
import { sizeSchema } from './sizes.ts';
import {
  artifactSchema,
  errorInfoSchema,
  type Outcome,
  outcomes,
  resultSchema,
  type TaskResult,
} from './task-ending.ts';
import { taskSpecSchema } from './task-spec.ts';
import { vmAccessSchema } from './vm-access.ts';

const task = z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>;
const vm = z.string().regex(vmIdPattern) as unknown as z.ZodType<VmId>;
const pool = z.string().regex(namePattern);
const attempt = z.int().min(1);
const ms = z.number().min(0);
const v1 = z.literal(1);

/** One output stream of a process, in bytes: what it wrote, what was kept. They differ exactly when it was cut. */
const outputSchema = z.strictObject({ seenBytes: z.int().min(0), storedBytes: z.int().min(0) });

export type { Outcome, TaskResult };

export const eventSchemas = {
  /** The task is accepted: from here on it will end, exactly once. */
  'task.created': z.strictObject({
    v: v1,
    task,
    pool,
    spec: taskSpecSchema,
    /** Where it came from: an HTTP request, a command's sequence in `COMMANDS`, the task that it does once more, a pipeline, the task that submitted it. */
    cause: z.strictObject({ kind: z.enum(['http', 'command', 'retry', 'pipeline', 'task']), id: z.string() }),
    /** The part of a pipeline that it is. */
    stage: stageRefSchema.optional(),
  }),
  /** A clean VM is this attempt's, or the one that an earlier stage has left for it. */
  'vm.ready': z.strictObject({
    v: v1,
    task,
    pool,
    attempt,
    vm,
    host: z.string(),
    /** What has the VM. Whoever does not know a driver of that name leaves the VM to those who do. */
    driver: z.string(),
    /** `name@version`; the name of a named VM. */
    image: z.string(),
    runtimes: z.record(z.string(), z.array(z.string()).min(1)),
    size: sizeSchema,
    access: vmAccessSchema,
    warm: z.boolean(),
  }),
  /** Another runner goes on with this attempt; this event's sequence is its fence. */
  'task.resumed': z.strictObject({ v: v1, task, pool, attempt, vm, runner: z.string() }),
  /** Every setup step of the attempt ran; the main process starts now. */
  'task.setup.done': z.strictObject({
    v: v1,
    task,
    pool,
    attempt,
    steps: z.array(z.strictObject({ name: z.string(), ms })),
  }),
  /** The attempt has failed, and another one follows, in another VM. */
  'task.retrying': z.strictObject({
    v: v1,
    task,
    pool,
    /** The attempt that has ended. */
    attempt,
    next: attempt,
    /** The VM that this releases; null when the attempt never had one. */
    vm: vm.nullable(),
    phase: z.enum(retryPhases),
    exitCode: z.int().nullable(),
    error: errorInfoSchema,
    /** When the next attempt begins, by the broker's clock. */
    notBefore: z.iso.datetime(),
  }),
  /** Somebody asked for the end of this task. */
  'task.cancelling': z.strictObject({ v: v1, task, pool, attempt, by: z.string(), reason: z.string() }),
  /** The one terminal event. */
  'task.completed': z.strictObject({
    v: v1,
    task,
    pool,
    attempt,
    /** The VM that this ending releases; null when the attempt never had one. */
    vm: vm.nullable(),
    outcome: z.enum(outcomes),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    result: resultSchema.nullable(),
    error: errorInfoSchema.nullable(),
    output: z.strictObject({ stdout: outputSchema, stderr: outputSchema }).nullable(),
    artifacts: z.array(artifactSchema),
    /** How long the main process itself ran, by the guest's clock; null when it never started. */
    processMs: ms.nullable(),
  }),
  /** Nothing of this VM is left on its host; that was looked at, not assumed. */
  'vm.gone': z.strictObject({ v: v1, pool, vm, host: z.string(), task: task.nullable(), reason: z.string() }),
  ...pipelineEventSchemas,
  /** Somebody should look at this. */
  'alert.raised': z.strictObject({
    v: v1,
    severity: z.enum(['info', 'warning', 'critical']),
    kind: z.string().regex(namePattern),
    id: z.string().regex(/^[a-z0-9-]{1,64}$/),
    text: z.string(),
    links: linksSchema.optional(),
  }),
} as const;

export type EventType = keyof typeof eventSchemas;
export type EventData<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;

/** An event that is not stored yet. */
export type Draft<T extends EventType = EventType> = { [K in T]: { readonly type: K; readonly data: EventData<K> } }[T];

/** An event as the stream has it. `time` and `seq` are the broker's; `id` is `ce-id`. */
export type Stored<T extends EventType = EventType> = {
  [K in T]: {
    readonly type: K;
    readonly data: EventData<K>;
    readonly id: string;
    readonly seq: number;
    readonly time: Date;
    readonly subject: string;
    readonly traceparent: string | null;
  };
}[T];

export function isEventType(text: string): text is EventType {
  return Object.hasOwn(eventSchemas, text);
}
