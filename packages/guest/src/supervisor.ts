/** The guest's half, read from its files once. Sent along with each request, or waiting in a clone since it was frozen: nothing of ours is in an image. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const part = (name: string) => readFileSync(new URL(`./supervisor/${name}.pl`, import.meta.url), 'utf8');

function text(...parts: readonly string[]): Buffer {
  return Buffer.from(`${parts.map(part).join('\n')}\n`);
}

function program(...parts: readonly string[]): Buffer {
  return Buffer.concat([text(...parts), Buffer.from('__END__\n')]);
}

export const jobProgram = program('protocol', 'control-group', 'supervise', 'job', 'serve-job');
/** Started before a machine is frozen, and waiting in each of its clones: for an identity, then for jobs. */
export const waitingProgram = program('protocol', 'control-group', 'supervise', 'job', 'identity', 'wait-in-clones');
/** What waits in a machine is this program and no other one when this is equal. */
export const waitingVersion = createHash('sha256').update(waitingProgram).digest('hex').slice(0, 16);
/**
 * Where the waiting program takes what the program for jobs takes. Named by its version: who speaks to another one than
 * its own sends its own along.
 */
export const jobSocket = `/run/vm-task/jobs-${waitingVersion}.sock`;
/** Starts the program that it is given, from a file in the machine, so that nothing follows it. */
export const enterUnitProgram = program('protocol', 'enter-unit');
export const leaseProgram = text('protocol', 'lease', 'control-group', 'watchdog', 'serve-leases');
export const readinessProgram = program('protocol', 'readiness');
/** What a task calls in its VM: a file there, and a program of its own. */
export const taskCommand = Buffer.from(part('vm-task'));
