/**
 * A task as people write it: the YAML or JSON of `vm-task run FILE`, the body of `POST /v1/tasks` and the data of
 * `task.submit`. Unknown keys are errors that name the key and the nearest known one. `task-spec.ts` is what it becomes.
 */
import { z } from 'zod';
import { durationSchema } from './durations.ts';
import { allowMax, targetSchema } from './egress.ts';
import { jsonObjectSchema } from './json.ts';
import { nameSchema } from './names.ts';
import { bytesOf, isOwnVariable, stringMaxBytes, variableOfInput } from './process-strings.ts';
import { retryFileSchema } from './retry-policy.ts';
import { sizeSchema } from './sizes.ts';

const textSchema = z.string().regex(/^[^\0]*$/, 'must not contain a NUL character');
const envNameSchema = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name of letters, digits and underscores');

/** A path inside the work folder: relative, without `..`, never beginning with a dash. */
const relativePathSchema = textSchema
  .min(1)
  .max(1_024)
  .refine((path) => !path.startsWith('/') && !path.startsWith('-') && !path.split('/').includes('..'), {
    message: 'must be relative, without "..", and not begin with "-"',
  });

const gitRefSchema = textSchema
  .min(1)
  .max(255)
  .regex(/^[^-\s~^:?*[\\][^\s~^:?*[\\]*$/, 'must be a branch, a tag or a commit');

const gitUrlSchema = textSchema
  .max(2_048)
  .regex(/^(https?|git|ssh):\/\/[^\s]+$/, 'must begin with https://, http://, git:// or ssh://');

const gitUserSchema = z
  .string()
  .max(256)
  .regex(/^[^\p{Cc}]+$/u, 'must be a user name, without control characters');

export const gitStepSchema = z
  .strictObject({
    url: gitUrlSchema,
    ref: gitRefSchema.optional(),
    branch: gitRefSchema.optional(),
    path: relativePathSchema,
    /** The name of a secret: what git gives as the password, to the server of the URL alone. */
    secret: nameSchema.optional(),
    /** What git gives as the user name with it. Servers that take tokens take nearly all any name. */
    user: gitUserSchema.optional(),
  })
  .refine((step) => step.ref === undefined || step.branch === undefined, { message: 'give ref or branch, not both' });

/**
 * What is in a URL is stored with the task, shown to whoever asks for it, and printed by git. The user name of an SSH login
 * is no secret. Only what is submitted is refused: a task that is stored already is read as it is.
 */
const submittedGitStepSchema = gitStepSchema
  .refine(({ url }) => !/^(https?|git):\/\/[^/]*@|^ssh:\/\/[^/]*:[^/]*@/.test(url), {
    path: ['url'],
    message:
      'has a user name or a password in it, which everybody would see; write the password into a secret, and "secret: NAME" here',
  })
  .refine(({ url, secret }) => secret === undefined || secretGitUrl.test(url), {
    path: ['secret'],
    message: 'goes with https:// and a host of letters, digits, dots and dashes only: elsewhere others could read it',
  })
  .refine(({ user, secret }) => user === undefined || secret !== undefined, {
    path: ['user'],
    message: 'goes with secret only; the user of an SSH login is part of the URL',
  });

/** Its origin becomes part of a key of git's configuration, in which other characters could mean something else. */
const secretGitUrl = /^https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/|$)/;

const scriptSchema = textSchema.refine(
  (script) => script.trim() !== '',
  'the script is empty; write what is to be run',
);

const setupStepSchema = z
  .strictObject({ git: submittedGitStepSchema.optional(), run: scriptSchema.optional() })
  .refine((step) => (step.git === undefined) !== (step.run === undefined), {
    message: 'give either git or run, exactly one of them in each step',
  });

const commandSchema = z
  .array(textSchema, 'must be a list: the program and its arguments; a line for a shell goes into run')
  .min(1, 'the command is empty; give the program and its arguments')
  .max(4_096)
  .superRefine((words, context) => {
    if (words[0] === '') {
      context.addIssue({ code: 'custom', path: [0], message: 'the program is empty; give its name or path' });
    }
    for (const [at, word] of words.entries()) {
      const message = tooLong(bytesOf(word));
      if (message !== null) context.addIssue({ code: 'custom', path: [at], message });
    }
  });

function tooLong(bytes: number, what = ''): string | null {
  if (bytes <= stringMaxBytes) return null;
  return `has ${bytes} bytes${what} and may have ${stringMaxBytes}; use stdin, an input or a script`;
}

export const timeoutsSchema = z.strictObject({
  queue: durationSchema.optional(),
  setup: durationSchema.optional(),
  run: durationSchema.optional(),
  total: durationSchema.optional(),
});

/** 64 MiB: what one task may keep of each output stream at most; the log stream is bounded in bytes as a whole. */
const outputMaxBytesLimit = 64 * 1024 * 1024;

const artifactPathsSchema = z.array(relativePathSchema).max(64);

/** A plain list, or the same with what else is said of the files. */
const artifactsSchema = z.union([
  artifactPathsSchema,
  z.strictObject({
    paths: artifactPathsSchema,
    /** Files that contain a secret of the task are kept, too. */
    allowSecrets: z.boolean().optional(),
  }),
]);

/** `allow`: what the VM reaches by name; nothing else. */
const egressSchema = z.union([
  z.enum(['none', 'internet']),
  z.strictObject({ allow: z.array(targetSchema).min(1).max(allowMax) }),
]);

/** Whoever needs more of them writes a pipeline. */
const childrenMax = 100;

export const taskFileSchema = z
  .strictObject({
    image: z
      .string()
      .regex(
        /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(@[0-9]+(\.[0-9]+){0,3})?$/,
        'must be a name, or name@version such as python@3.2.0',
      )
      .optional(),
    pool: nameSchema.optional(),
    /** A named VM: a pool of that one machine. */
    vm: nameSchema.optional(),
    runtime: nameSchema.optional(),
    inputs: jsonObjectSchema.optional(),
    setup: z.array(setupStepSchema).max(64).optional(),
    run: scriptSchema.optional(),
    command: commandSchema.optional(),
    stdin: z.string().optional(),
    env: z.record(envNameSchema, textSchema).optional(),
    secrets: z.record(envNameSchema, nameSchema).optional(),
    egress: egressSchema.optional(),
    artifacts: artifactsSchema.optional(),
    resources: sizeSchema.partial().optional(),
    timeouts: timeoutsSchema.optional(),
    /** Not done so long after it was submitted: people are told, and it goes on. */
    alertAfter: durationSchema.optional(),
    /** So many tasks it may submit itself, from inside its VM. */
    children: z.int().min(1).max(childrenMax).optional(),
    retry: retryFileSchema.optional(),
    output: z.strictObject({ maxBytes: z.int().min(1_024).max(outputMaxBytesLimit).optional() }).optional(),
    labels: z.record(nameSchema, z.string().max(256)).optional(),
  })
  .superRefine((file, context) => {
    if ((file.run === undefined) === (file.command === undefined)) {
      context.addIssue({
        code: 'custom',
        message: 'give either run (a script) or command (a list), exactly one of them',
      });
    }
    if (file.vm !== undefined && file.pool !== undefined) {
      context.addIssue({ code: 'custom', path: ['vm'], message: 'names a pool of its own; give vm or pool, not both' });
    }
    if (file.command !== undefined && file.runtime !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['runtime'],
        message: 'goes with run only; a command names its own program',
      });
    }
    for (const { path, message } of wrongVariables(file)) context.addIssue({ code: 'custom', path, message });
  });

export type TaskFile = z.infer<typeof taskFileSchema>;

interface Wrong {
  readonly path: string[];
  readonly message: string;
}

/** Variables that could not be what the task says they are. */
function wrongVariables({ env = {}, secrets = {}, inputs = {} }: Variables): Wrong[] {
  const ours = Object.entries({ env, secrets }).flatMap(([key, variables]) =>
    Object.keys(variables)
      .filter(isOwnVariable)
      .map((name) => ({ path: [key, name], message: 'is set by vm-task itself; use another name' })),
  );
  const twice = Object.keys(secrets).filter((name) => Object.hasOwn(env, name));
  const long = Object.entries(env).flatMap(([name, value]) => {
    const message = tooLong(bytesOf(`${name}=${value}`), ' with its name');
    return message === null ? [] : [{ path: ['env', name], message }];
  });
  return [
    ...ours,
    ...twice.map((name) => ({ path: ['secrets', name], message: 'is set in env as well' })),
    ...long,
    ...inputsOfOneName(Object.keys(inputs)),
  ];
}

type Variables = { readonly [K in 'env' | 'secrets' | 'inputs']?: Readonly<Record<string, unknown>> | undefined };

function inputsOfOneName(inputs: readonly string[]): Wrong[] {
  const owners = new Map<string, string>();
  return inputs.flatMap((input) => {
    const name = variableOfInput(input);
    const owner = name === null ? undefined : owners.get(name);
    if (name !== null && owner === undefined) owners.set(name, input);
    if (owner === undefined) return [];
    return [{ path: ['inputs', input], message: `would be ${name}, as "${owner}" would; rename one` }];
  });
}
