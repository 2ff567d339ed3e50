/** The only places that write to stdout and stderr on purpose. */

/** A line on stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A line on stderr, marked as ours. */
export function note(text: string): void {
  process.stderr.write(`vm-task: ${text}\n`);
}
