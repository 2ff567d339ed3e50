/**
 * A task as the system keeps it in `task.created`: every default applied, every duration in milliseconds, the size
 * chosen. Nothing here depends on configuration any more, so every service reads the same task.
 */
import { z } from 'zod';
import { answerersSchema } from './answerers.ts';
import { jsonObjectSchema } from './json.ts';
import { keepSchema, leftVmSchema } from './kept-vm.ts';
import { needsSchema } from './needs.ts';
import { retryPolicySchema } from './retry-policy.ts';
import { sizeSchema } from './sizes.ts';
import { gitStepSchema } from './task-file.ts';

export const taskSpecSchema = z.strictObject({
  /** `name` or `name@version`; the provisioner chooses the version where none is given. */
  image: z.string(),
  size: sizeSchema,
  egress: z.enum(['none', 'internet']),
  /** With `none`: what it reaches by name all the same. An older provisioner passes over it, and the VM reaches nothing. */
  allow: z.array(z.string()).optional(),
  setup: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('git'), ...gitStepSchema.shape }),
      z.strictObject({ kind: z.literal('run'), script: z.string() }),
    ]),
  ),
  main: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('script'), runtime: z.string(), script: z.string() }),
    z.strictObject({ kind: z.literal('command'), argv: z.array(z.string()).min(1) }),
    /** Nothing runs: the task waits in the pool `manual` for somebody's answer. */
    z.strictObject({
      kind: z.literal('answer'),
      from: z.enum(['external', 'approval']),
      text: z.string(),
      /** Without it, whoever has the role. */
      answerers: answerersSchema.optional(),
    }),
  ]),
  stdin: z.string(),
  inputs: jsonObjectSchema,
  /** Of a pipeline's task: what the stages that it needs left behind. */
  needs: needsSchema.optional(),
  keep: keepSchema.optional(),
  leftVm: leftVmSchema.optional(),
  env: z.record(z.string(), z.string()),
  /** Environment name → name of the secret; values never travel. */
  secrets: z.record(z.string(), z.string()),
  artifacts: z.array(z.string()),
  /** Without it, files that contain a secret of the task are left out. */
  artifactsMayHaveSecrets: z.boolean().optional(),
  timeouts: z.strictObject({ queueMs: z.int(), setupMs: z.int(), runMs: z.int(), totalMs: z.int() }),
  alertAfterMs: z.int().min(1).optional(),
  /** So many tasks it may submit itself; without it none. */
  children: z.int().min(1).optional(),
  retry: retryPolicySchema,
  outputMaxBytes: z.int(),
  labels: z.record(z.string(), z.string()),
});

export type TaskSpec = z.infer<typeof taskSpecSchema>;
export type SetupStep = TaskSpec['setup'][number];

/** Of its main process and of its setup steps, each once. */
export function secretNamesOf({ secrets, setup }: Pick<TaskSpec, 'secrets' | 'setup'>): readonly string[] {
  const ofSteps = setup.flatMap((step) => (step.kind === 'git' && step.secret !== undefined ? [step.secret] : []));
  return [...new Set([...Object.values(secrets), ...ofSteps])];
}

/** The version of an event with such tasks: a service that does not know who may answer must not take part. */
export function eventVersionOf(...specs: readonly Pick<TaskSpec, 'main'>[]): 1 | 2 {
  return specs.some(({ main }) => main.kind === 'answer' && main.answerers !== undefined) ? 2 : 1;
}

/** A task's JSON may have 4 MiB: half of the broker's largest message, so that headers and the event around it fit. */
export const taskMaxBytes = 4 * 1024 * 1024;
