/** The guest's half, read from its files once. Sent along with each request: nothing of ours is in an image. */
import { readFileSync } from 'node:fs';

const part = (name: string) => readFileSync(new URL(`./supervisor/${name}.pl`, import.meta.url), 'utf8');

function program(...parts: readonly string[]): Buffer {
  return Buffer.from(`${parts.map(part).join('\n')}\n__END__\n`);
}

export const jobProgram = program('protocol', 'control-group', 'supervise', 'job');
export const identityProgram = program('protocol', 'identity');
export const useProgram = program('protocol', 'use', 'take-use');
/** Runs from a file in the machine, so nothing follows it. */
export const holderProgram = program('protocol', 'use', 'hold-use');
export const readinessProgram = program('protocol', 'readiness');
