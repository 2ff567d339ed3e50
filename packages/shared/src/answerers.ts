/** Who may answer a task that waits for people, beside what the role of a token says. */
import { z } from 'zod';
import type { Principal } from './people.ts';

/** Tokens by their names: these; or every one but that one. */
export const answerersSchema = z.union([
  z.strictObject({ only: z.array(z.string()).min(1) }),
  z.strictObject({ allBut: z.string() }),
]);
export type Answerers = z.infer<typeof answerersSchema>;

/** What has no token is nobody of whom it can be known that they may. */
export function mayAnswer(answerers: Answerers | undefined, who: Principal | undefined): boolean {
  if (answerers === undefined) return true;
  if (who?.kind !== 'token') return false;
  return 'only' in answerers ? answerers.only.includes(who.name) : answerers.allBut !== who.name;
}
