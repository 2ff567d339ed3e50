/**
 * A job's environment, checked here so that the kernel has nothing to cut or refuse later (I11).
 *
 * An input `name` is the variable `VM_TASK_INPUT_<NAME>`: upper case, `-` as `_`; text as it is, anything else as
 * JSON. Inputs whose names have other characters than letters, digits, `-` and `_`, whose text no variable can have, or
 * that no longer fit are in the file `$VM_TASK_INPUTS` alone, which always has all of them.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Json } from '@vm-task/shared/json';
import { stringMaxBytes, variableOfInput } from '@vm-task/shared/process-strings';
import type { Job } from './job.ts';

/** Linux allows a quarter of the stack for all of them, 2 MiB; the rest is for what the guest itself adds. */
export const startMaxBytes = 2 * 1024 * 1024 - 64 * 1024;
/** Half of that for inputs, which have the file as well, leaves room for what has nothing else. */
const inputsMaxBytes = 1024 * 1024;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Every variable of the job as `NAME=value`. @throws `invalid-task` for a name or a value that cannot be one. */
export function environmentOf(job: Job): string[] {
  const variables = { ...inputVariables(job.inputs), ...job.env, ...job.secrets };
  return Object.entries(variables).map(([name, value]) => {
    if (!namePattern.test(name)) {
      throw invalid(`${JSON.stringify(name)} is not the name of an environment variable: letters, digits and _`);
    }
    return checkString(`${name}=${value}`, `the environment variable ${name}`);
  });
}

/** @throws `invalid-task` when `text` would not arrive as it is: half of a surrogate pair has no bytes. */
export function checkText(text: string, what: string): string {
  if (text.isWellFormed()) return text;
  throw invalid(
    `${what} has half of a surrogate pair, which is no character; send bytes in an encoding such as base64`,
  );
}

/** @throws `invalid-task` when the kernel would not take `text` as one argument or variable. */
export function checkString(text: string, what: string): string {
  checkText(text, what);
  if (text.includes('\0')) throw invalid(`${what} has a NUL character, which no process can be given; use stdin`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= stringMaxBytes) return text;
  throw invalid(`${what} has ${bytes} bytes and may have ${stringMaxBytes}; use stdin, an input or a script`);
}

function inputVariables(inputs: Job['inputs']): Record<string, string> {
  const variables: Record<string, string> = {};
  const owners = new Map<string, string>();
  let left = inputsMaxBytes;
  for (const [input, value] of Object.entries(inputs)) {
    const name = variableOfInput(input);
    if (name === null) continue;
    const owner = owners.get(name);
    if (owner !== undefined) throw invalid(`the inputs "${owner}" and "${input}" would both be ${name}; rename one`);
    owners.set(name, input);
    const text = textOf(value);
    const bytes = Buffer.byteLength(`${name}=${text}`);
    if (bytes > stringMaxBytes || bytes > left || text.includes('\0') || !text.isWellFormed()) continue;
    left -= bytes;
    variables[name] = text;
  }
  return variables;
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function invalid(message: string): VmTaskError {
  return new VmTaskError('invalid-task', message);
}
