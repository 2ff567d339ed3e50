/**
 * A task as people see it, and what can be asked of it.
 *
 * | status | since |
 * |---|---|
 * | `queued` | `task.created` |
 * | `setup` | `vm.ready` of a task with setup steps |
 * | `starting` | `vm.ready` of a task without any |
 * | `running` | `task.setup.done` |
 * | `retrying` | `task.retrying`: another attempt is to come |
 * | `cancelling` | `task.cancelling` |
 * | `completed` | `task.completed` |
 */
import { answerersSchema } from '@vm-task/shared/answerers';
import { jsonSchema } from '@vm-task/shared/json';
import { progressViewSchema } from '@vm-task/shared/progress';
import { errorInfoSchema, outcomes } from '@vm-task/shared/task-ending';
import { taskFileSchema } from '@vm-task/shared/task-file';
import { z } from 'zod';
import { acceptedSchema, keyHeaderSchema, refusalsOfSubmissions } from './accepted.ts';
import { cursorText, limitSchema, nextText } from './paging.ts';
import type { Route } from './route.ts';

export const taskStatuses = ['queued', 'starting', 'setup', 'running', 'retrying', 'cancelling', 'completed'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

const time = z.iso.datetime();
const ms = z.number().nullable();

export const taskSummarySchema = z.object({
  id: z.string(),
  status: z.enum(taskStatuses),
  outcome: z.enum(outcomes).nullable(),
  exitCode: z.int().nullable(),
  /** The value itself: JSON where it parsed, else text; null while there is none. */
  result: jsonSchema,
  error: errorInfoSchema.nullable(),
  pool: z.string(),
  /** As it was asked for; `name@version` once a VM is there. */
  image: z.string(),
  vm: z.string().nullable(),
  createdAt: time,
  completedAt: time.nullable(),
});

/** `overhead`: all of a process's time in its VM that is not the process itself. */
export const taskPhases = ['queued', 'vm', 'setup', 'run', 'overhead', 'answer'] as const;

const phaseSchema = z.object({
  attempt: z.int(),
  phase: z
    .enum(taskPhases)
    .describe(
      'queued: waiting, also between attempts; vm: a VM is made; setup: from the VM to the main process, connecting where there are steps; run: the process; overhead: connecting, starting it, collecting; answer: waiting for somebody',
    ),
  ms: z.int(),
});

export type Phase = z.infer<typeof phaseSchema>;

/** From the broker's times of the events; null for what has not happened. */
const timingsSchema = z.object({
  /** `task.created` → the first `vm.ready`. */
  queuedMs: ms.describe('from acceptance until a VM was ready'),
  /** Of `queuedMs`, how long that VM itself took, by the time in its id; 0 for one that was warm. */
  vmReadyMs: ms.describe('of queuedMs, the time in which the VM was made; 0 for a warm one'),
  /** `vm.ready` → `task.setup.done`, of the last attempt. */
  setupMs: ms.describe('connecting and setup steps of the last attempt'),
  /** The main process by the guest's clock, or `task.setup.done` → `task.completed` where that is not known. */
  runMs: ms.describe('the main process of the last attempt'),
  /** `task.created` → `task.completed`. */
  totalMs: ms.describe('from acceptance to the end'),
  /** 0.2.0-rc.1 has none. */
  phases: z
    .array(phaseSchema)
    .optional()
    .describe(
      'where the time went, attempt by attempt: the phases that are over; of a task that has ended, totalMs together',
    ),
});

const attemptSchema = z.object({
  number: z.int(),
  vm: z.string().nullable(),
  /** When its VM was ready. */
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  exitCode: z.int().nullable(),
  error: errorInfoSchema.nullable(),
});

const questionSchema = z.object({
  text: z.string(),
  until: time,
  answerers: answerersSchema.optional().describe('tokens that may answer; without it all that have the role'),
});

/** Of a stage that waits for somebody. */
export const openQuestionSchema = questionSchema
  .nullable()
  .describe('what somebody is asked, and until when; null for what runs or has been answered');

const fileSchema = z.object({
  path: z.string().describe('relative to the work folder, as the task wrote it'),
  bytes: z.int(),
  sha256: z.string(),
  executable: z.boolean(),
});

/** A pattern of `artifacts` that brought no file. */
const unmatchedSchema = z.object({
  pattern: z.string(),
  note: z.string().describe('what is there in its place, and what to write'),
});

/** What is shown of one task: beside what has happened, what its process says while it runs. */
export const taskViewSchema = taskSummarySchema.extend({
  question: openQuestionSchema,
  attempts: z.array(attemptSchema),
  timings: timingsSchema,
  /** 0.2.0-rc.1 has neither. */
  artifacts: z.array(fileSchema).optional().describe('files that it left behind'),
  unmatched: z.array(unmatchedSchema).optional().describe('patterns of `artifacts` that brought none'),
  progress: progressViewSchema.nullable(),
});

export type TaskSummary = z.infer<typeof taskSummarySchema>;
export type TaskView = z.infer<typeof taskViewSchema>;
export type Question = z.infer<typeof questionSchema>;
export type AttemptView = z.infer<typeof attemptSchema>;
export type FileView = z.infer<typeof fileSchema>;
export type UnmatchedView = z.infer<typeof unmatchedSchema>;
export type Timings = z.infer<typeof timingsSchema>;

export const taskParamsSchema = z.object({
  id: z.string().describe('a task id, or its beginning from 8 characters on where only one task begins so'),
});

const labelSchema = z
  .string()
  .regex(/^[^=]+=/, 'must be name=value')
  .transform((text): [string, string] => {
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)];
  });

const listQuerySchema = z.strictObject({
  status: z.enum(taskStatuses).optional(),
  pool: z.string().optional(),
  label: z
    .union([labelSchema.transform((label) => [label]), z.array(labelSchema)])
    .optional()
    .describe('name=value; several must all hold'),
  limit: limitSchema(50),
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the "next" of an earlier page')
    .optional()
    .describe(cursorText),
});

const completionSchema = z.strictObject({ result: jsonSchema.describe('what the stage leaves to those that need it') });
const decisionSchema = z.strictObject({
  by: z.string().min(1).max(200).describe('who decides'),
  comment: z.string().max(4_000).default(''),
});

const params = taskParamsSchema;
const answered = { method: 'POST', params, status: 200, answer: acceptedSchema, refusals: [400, 404, 409] } as const;

export const taskRoutes = {
  submit: {
    method: 'POST',
    path: '/v1/tasks',
    role: 'submitter',
    summary: 'Submit a task',
    headers: keyHeaderSchema,
    body: taskFileSchema,
    status: 202,
    answer: acceptedSchema,
    refusals: refusalsOfSubmissions,
  },
  list: {
    method: 'GET',
    path: '/v1/tasks',
    role: 'viewer',
    summary: 'List tasks',
    query: listQuerySchema,
    status: 200,
    answer: z.object({ tasks: z.array(taskSummarySchema), next: z.string().nullable().describe(nextText) }),
  },
  show: {
    method: 'GET',
    path: '/v1/tasks/:id',
    role: 'viewer',
    summary: 'Show a task',
    params,
    status: 200,
    answer: taskViewSchema,
    refusals: [404, 409],
  },
  cancel: {
    method: 'DELETE',
    path: '/v1/tasks/:id',
    role: 'submitter',
    own: true,
    summary: 'Cancel a task',
    params,
    status: 202,
    answer: acceptedSchema,
    refusals: [404, 409],
  },
  retry: {
    method: 'POST',
    path: '/v1/tasks/:id/retry',
    role: 'submitter',
    own: true,
    summary: 'Run a task once more, as a new task that names the old one as its cause',
    params,
    headers: keyHeaderSchema,
    status: 202,
    answer: acceptedSchema,
    refusals: refusalsOfSubmissions,
  },
  complete: {
    ...answered,
    path: '/v1/tasks/:id/complete',
    role: 'operator',
    summary: 'Answer a task that waits for it: complete',
    body: completionSchema,
  },
  approve: {
    ...answered,
    path: '/v1/tasks/:id/approve',
    role: 'operator',
    summary: 'Answer a task that waits for it: approve',
    body: decisionSchema,
  },
  reject: {
    ...answered,
    path: '/v1/tasks/:id/reject',
    role: 'operator',
    summary: 'Answer a task that waits for it: reject',
    body: decisionSchema,
  },
} as const satisfies Record<string, Route>;
