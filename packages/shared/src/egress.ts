/** What a VM reaches by name: `packages.example:443`, `*.code.example:443`. */
import { z } from 'zod';

/** Of one VM. */
export const allowMax = 64;

export interface Target {
  /** In small letters; of a wildcard what is behind `*.`. */
  readonly name: string;
  /** Every name that ends with `.` and this one, and not this one itself. */
  readonly isWildcard: boolean;
  readonly port: number;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const targetPattern = new RegExp(`^(\\*\\.)?((?:${label}\\.)+${label})(?::([0-9]{1,5}))?$`);
const isAddress = /^[0-9.]+$/;
const httpsPort = 443;
/** Where what is said tells which name is meant, so that a wildcard can be held to its names. */
const namedPorts: readonly number[] = [80, httpsPort];

const problem = (why: string) => `${why}; write a name with a port, such as packages.example:443 or *.code.example:443`;

/** In its one form: with its port. */
export const targetSchema = z.string().transform((text, context) => {
  const target = readTarget(text);
  if (typeof target !== 'string') return formatTarget(target);
  context.addIssue({ code: 'custom', message: target });
  return z.NEVER;
});

/** @throws when it is none: whoever has one from a task has one that was looked at. */
export function parseTarget(text: string): Target {
  const target = readTarget(text);
  if (typeof target === 'string') throw new Error(`${JSON.stringify(text)} ${target}`);
  return target;
}

/** Or what is wrong. */
function readTarget(text: string): Target | string {
  const [, star, name, written] = targetPattern.exec(text) ?? [];
  if (name === undefined) return problem('is no name of a host');
  if (isAddress.test(name)) return problem('is an address');
  const port = written === undefined ? httpsPort : Number(written);
  if (port < 1 || port > 65_535) return problem(`has the port ${port}`);
  if (name.length > 253) return problem('is longer than a name can be');
  const isWildcard = star !== undefined;
  if (isWildcard && !namedPorts.includes(port))
    return problem(`is a wildcard, which can be for ${namedPorts.join(' and ')} alone`);
  return { name, isWildcard, port };
}

function formatTarget({ name, isWildcard, port }: Target): string {
  return `${isWildcard ? '*.' : ''}${name}:${port}`;
}
