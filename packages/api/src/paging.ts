/** Lists in pages: how many a page has, and where it begins. */
import { z } from 'zod';

export function limitSchema(usual: number) {
  return z.coerce.number().int().min(1).max(1_000).default(usual);
}

export const cursorText = 'the "next" of the page before';
export const nextText = 'the `after` of the next page; null on the last one';
