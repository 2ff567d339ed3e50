/** Lists in pages: how many a page has, and where it begins. */
import { z } from 'zod';

/** A whole number as addresses have it: digits, and nothing else. `usual`: where none is given. */
export function numberSchema(usual: number | undefined, min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  const error = `must be a number ${range}`;
  const number = z.int({ error }).min(min, { error }).max(max, { error });
  const schema = usual === undefined ? number : number.default(usual);
  return z.preprocess(read, schema);
}

function read(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

export function limitSchema(usual: number) {
  return numberSchema(usual, 1, 1_000);
}

export const cursorText = 'the "next" of the page before';
export const nextText = 'the `after` of the next page; null on the last one';
export const shortPagesText = `${nextText}. A page may be short, or empty, before`;
