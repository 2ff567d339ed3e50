/**
 * Every event: one zod schema each, the strict one of its newest version; readers use `read-event.ts`. An event's subject
 * follows from its data and its host (`subjects.ts`). CloudEvents attributes and the trace context travel as headers
 * (`bus/envelope.ts`), the data as JSON.
 */
import { z } from 'zod';
import { namePattern, type TaskId, taskIdPattern, type VmId, vmIdPattern } from './ids.ts';
import { linksSchema } from './links.ts';
import { ownershipShape, principalSchema } from './people.ts';
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
  unmatchedPatternSchema,
} from './task-ending.ts';
import { taskSpecSchema } from './task-spec.ts';
import { openEnum } from './tolerant.ts';
import { vmAccessSchema } from './vm-access.ts';

const task = z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>;
const vm = z.string().regex(vmIdPattern) as unknown as z.ZodType<VmId>;
const pool = z.string().regex(namePattern);
const attempt = z.int().min(1);
const ms = z.number().min(0);
const v1 = z.literal(1);
const principal = principalSchema.optional();

/** One output stream of a process, in bytes: what it wrote, what was kept. They differ exactly when it was cut. */
const outputSchema = z.strictObject({ seenBytes: z.int().min(0), storedBytes: z.int().min(0) });

export type { Outcome, TaskResult };

export const eventSchemas = {
  /** The task is accepted: from here on it will end, exactly once. */
  'task.created': z.strictObject({
    /** 2 where not everybody may answer (`answerers.ts`). */
    v: z.literal([1, 2]),
    task,
    pool,
    spec: taskSpecSchema,
    /** Where it came from: an HTTP request, a command's sequence in `COMMANDS`, the task that it does once more, a pipeline, the task that submitted it. */
    cause: z.strictObject({ kind: openEnum(['http', 'command', 'retry', 'pipeline', 'task']), id: z.string() }),
    /** The part of a pipeline that it is. */
    stage: stageRefSchema.optional(),
    ...ownershipShape,
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
  /** Another runner goes on with this attempt; this event's sequence is the one that it expects from now on. */
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
    phase: openEnum(retryPhases),
    exitCode: z.int().nullable(),
    error: errorInfoSchema,
    /** What the attempt has left in `LOGS` and in the store of its host, if anything, and if its end was seen. */
    left: z.strictObject({ outputBytes: z.int().min(0), artifactBytes: z.int().min(0) }).optional(),
    /** When the next attempt begins, by the broker's clock. */
    notBefore: z.iso.datetime(),
  }),
  /** Somebody asked for the end of this task. */
  'task.cancelling': z.strictObject({ v: v1, task, pool, attempt, by: z.string(), reason: z.string(), principal }),
  /** The one terminal event. */
  'task.completed': z.strictObject({
    v: v1,
    task,
    pool,
    attempt,
    /** The VM that this ending releases; null when the attempt never had one. */
    vm: vm.nullable(),
    outcome: openEnum(outcomes),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
    result: resultSchema.nullable(),
    error: errorInfoSchema.nullable(),
    output: z.strictObject({ stdout: outputSchema, stderr: outputSchema }).nullable(),
    artifacts: z.array(artifactSchema),
    /** Patterns of `artifacts` that brought nothing; left out where there are none. */
    unmatched: z.array(unmatchedPatternSchema).optional(),
    /** How long the main process itself ran, by the guest's clock; null when it never started. */
    processMs: ms.nullable(),
    /** Who has answered, where the task waited for an answer. */
    principal,
  }),
  /** Nothing of this VM is left on its host; that was looked at, not assumed. */
  'vm.gone': z.strictObject({ v: v1, pool, vm, host: z.string(), task: task.nullable(), reason: z.string() }),
  ...pipelineEventSchemas,
  /** Somebody should look at this. */
  'alert.raised': z.strictObject({
    v: v1,
    severity: openEnum(['info', 'warning', 'critical']),
    kind: z.string().regex(namePattern),
    id: z.string().regex(/^[a-z0-9-]{1,64}$/),
    text: z.string(),
    links: linksSchema.optional(),
  }),
} as const;

export type EventType = keyof typeof eventSchemas;
export type EventData<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;

/** The host that an event is about: the one that has, or must have, the task's VM. */
export type HostToken = string;

/** No host: control says so, or nobody has the task yet. It is the name of no host. */
export const anyHost = 'any';

/** An event that is not stored yet. `host` is a token of its subject; an event of a pipeline has none there. */
export type Draft<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: EventData<K>; readonly host: HostToken };
}[T];

/** What every stored message of ours has, whatever it says. `time` and `seq` are the broker's; `id` is `ce-id`. */
interface Envelope {
  readonly id: string;
  readonly seq: number;
  readonly time: Date;
  readonly subject: string;
  readonly host: HostToken;
  readonly traceparent: string | null;
}

/** An event as the stream has it. */
export type Stored<T extends EventType = EventType> = {
  [K in T]: Envelope & { readonly type: K; readonly data: EventData<K> };
}[T];

/**
 * An event of ours that this version cannot read: of a type or a version that it does not know, or damaged. It is left
 * alone, and it ends nothing.
 */
export interface UnknownEvent extends Envelope {
  readonly type: 'unknown';
  /** The `ce-type` that it carries: what a type says of its task is the same in every version. */
  readonly said: string;
  /** Its version; 0 where it has none. One that is known and cannot be read all the same is damaged. */
  readonly version: number;
  /** Why it cannot be read. */
  readonly why: string;
  /** What the task stood at before: the last event that can be read, as far as the reader has looked. */
  readonly before: Stored | null;
}

/** The last event that counts of a task or a pipeline. */
export type Head = Stored | UnknownEvent;

export function isEventType(text: string): text is EventType {
  return Object.hasOwn(eventSchemas, text);
}

/** What an event says that it is: known here or not, of whatever version. */
export function typeOf(event: Pick<Head, 'type'> & { readonly said?: string }): string {
  return event.type === 'unknown' ? (event.said ?? '') : event.type;
}

/** True for the end of a task, of whatever version: nothing follows it. */
export function isTaskEnd(event: Head): boolean {
  return typeOf(event) === 'task.completed';
}
