/** Values that survive JSON unchanged: inputs, results. */
import { z } from 'zod';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export const jsonSchema: z.ZodType<Json> = z.json();
export const jsonObjectSchema = z.record(z.string(), jsonSchema);
