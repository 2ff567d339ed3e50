/** How far a process says that it is: shown live, decided by nobody. */
import { z } from 'zod';

/** A line for people. */
const textMaxChars = 500;

export const progressSchema = z
  .strictObject({
    percent: z.number().min(0).max(100).optional(),
    text: z.string().min(1).max(textMaxChars).optional(),
  })
  .refine(({ percent, text }) => percent !== undefined || text !== undefined, {
    message: 'give percent, text, or both',
  });
export type Progress = z.infer<typeof progressSchema>;

/** As people see it; `null` for what was not said. */
export const progressViewSchema = z.object({
  percent: z.number().nullable(),
  text: z.string().nullable(),
  at: z.iso.datetime(),
});
export type ProgressView = z.infer<typeof progressViewSchema>;

export function progressView({ percent, text }: Progress, at: Date): ProgressView {
  return { percent: percent ?? null, text: text ?? null, at: at.toISOString() };
}
