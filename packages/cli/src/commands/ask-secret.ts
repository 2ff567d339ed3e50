/** A line from the terminal, which does not show it. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';

/** @throws `invalid-secret` where the terminal is closed instead. */
export async function askSecret(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // As a terminal, readline takes over the echo, and writes it there.
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  lines.once('SIGINT', () => lines.close());
  const closed = once(lines, 'close').then(() => null);
  const line = await Promise.race([once(lines, 'line').then(([text]) => String(text)), closed]);
  lines.close();
  process.stderr.write('\n');
  if (line !== null) return line;
  throw new VmTaskError('invalid-secret', 'no value was given, so nothing was set');
}
