/** What a process can be given as arguments and environment, and which variables are vm-task's own. */

/** Linux allows 128 KiB for one string of arguments or environment, its closing NUL included (MAX_ARG_STRLEN). */
export const stringMaxBytes = 128 * 1024 - 1;

const prefixOfInputs = 'VM_TASK_INPUT_';
/** Set in the guest, whatever the task says. */
const own: ReadonlySet<string> = new Set([
  'VM_TASK_API',
  'VM_TASK_INPUTS',
  'VM_TASK_NEEDS',
  'VM_TASK_NEEDS_FILES',
  'VM_TASK_RESULT',
  'VM_TASK_USE',
]);

export function isOwnVariable(name: string): boolean {
  return own.has(name) || name.startsWith(prefixOfInputs);
}

/** The variable that an input is; null for one that only the file `$VM_TASK_INPUTS` has, because of its name. */
export function variableOfInput(input: string): string | null {
  return /^[A-Za-z0-9_-]+$/.test(input) ? `${prefixOfInputs}${input.toUpperCase().replaceAll('-', '_')}` : null;
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
