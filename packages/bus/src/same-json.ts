import { isDeepStrictEqual } from 'node:util';

/** True for values whose JSON says the same, in whatever order its keys are. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(asJson(one), asJson(other));
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
