/** The guest's half, read from its files once. Sent along with each request: nothing of ours is in an image. */
import { readFileSync } from 'node:fs';

const part = (name: string) => readFileSync(new URL(`./supervisor/${name}.pl`, import.meta.url), 'utf8');

function text(...parts: readonly string[]): Buffer {
  return Buffer.from(`${parts.map(part).join('\n')}\n`);
}

function program(...parts: readonly string[]): Buffer {
  return Buffer.concat([text(...parts), Buffer.from('__END__\n')]);
}

export const jobProgram = program('protocol', 'control-group', 'supervise', 'job');
/** Started before a machine is frozen, and waiting in each of its clones. */
export const identityProgram = program('protocol', 'identity');
/** Starts the program that it is given, from a file in the machine, so that nothing follows it. */
export const enterUnitProgram = program('protocol', 'enter-unit');
export const leaseProgram = text('protocol', 'lease', 'control-group', 'watchdog', 'serve-leases');
export const readinessProgram = program('protocol', 'readiness');
/** What a task calls in its VM: a file there, and a program of its own. */
export const taskCommand = Buffer.from(part('vm-task'));
