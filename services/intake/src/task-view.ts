/**
 * A task as people see it: the JSON of `show`, `list` and `events`, the same in HTTP and on the command line.
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

import { jsonSchema } from '@vm-task/shared/json';
import { progressViewSchema } from '@vm-task/shared/progress';
import { errorInfoSchema, outcomes } from '@vm-task/shared/task-ending';
import { z } from 'zod';

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

/** From the broker's times of the events; null for what has not happened. */
export const timingsSchema = z.object({
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

/** Of a stage that waits for somebody. */
export const questionViewSchema = z.object({ text: z.string(), until: time });
export const openQuestionSchema = questionViewSchema
  .nullable()
  .describe('what somebody is asked, and until when; null for what runs or has been answered');

export const taskViewSchema = taskSummarySchema.extend({
  question: openQuestionSchema,
  attempts: z.array(attemptSchema),
  timings: timingsSchema,
});

/** What is shown of one task: beside what has happened, what its process says while it runs. */
export const shownTaskSchema = taskViewSchema.extend({ progress: progressViewSchema.nullable() });

export const eventViewSchema = z.object({
  seq: z.int(),
  type: z.string(),
  time,
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
});

export type QuestionView = z.infer<typeof questionViewSchema>;
export type TaskSummary = z.infer<typeof taskSummarySchema>;
export type TaskView = z.infer<typeof taskViewSchema>;
export type AttemptView = z.infer<typeof attemptSchema>;
export type Timings = z.infer<typeof timingsSchema>;
export type EventView = z.infer<typeof eventViewSchema>;
