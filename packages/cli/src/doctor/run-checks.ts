/** All checks at once, each within its limit. */

import { NotCheckable } from '@vm-task/hypervisor/drivers/finding';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, type Finding, fail, warn } from './check.ts';
import type { Context } from './context.ts';

export interface Checked extends Finding {
  readonly name: string;
}

/** In the order of `checks`. `onDone` is called as each of them is through. */
export function runChecks(
  checks: readonly Check[],
  context: Context,
  onDone: (name: string) => void = () => undefined,
): Promise<Checked[]> {
  return Promise.all(
    checks.map(async (check) => {
      const finding = await runCheck(check, context);
      onDone(check.name);
      return { name: check.name, ...finding };
    }),
  );
}

async function runCheck({ limitMs, look }: Check, context: Context): Promise<Finding> {
  const over = new AbortController();
  const late = Promise.withResolvers<Finding>();
  const timer = setTimeout(() => {
    over.abort(new Error('the check took too long'));
    late.resolve(fail(`no answer within ${limitMs / 1_000} s`, 'try again when the machine is less busy'));
  }, limitMs);
  try {
    return await Promise.race([look(context, over.signal).catch(assessError), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function assessError(error: unknown): Finding {
  if (error instanceof NotCheckable) return warn(`skipped: ${error.message}`, null);
  const { code, message } = errorInfo(error);
  return fail(message, `see ${code} in docs/errors.md`);
}
