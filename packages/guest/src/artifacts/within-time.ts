/** Work whose length its input decides, and no limit of sizes bounds: such as comparing a name with a pattern of many stars. */
import { createContext, Script } from 'node:vm';
import { VmTaskError } from '@vm-task/shared/errors';

/** Node ends what runs in here when its time is over, in the middle of a regular expression too. */
const context = createContext({ action: null }) as { action: (() => unknown) | null };
const script = new Script('action()');

/** What `action` returns. @throws `artifact-refused` with `what` when it has taken longer. */
export function withinTime<T>(ms: number, what: string, action: () => T): T {
  context.action = action;
  try {
    return script.runInContext(context, { timeout: ms }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new VmTaskError('artifact-refused', what, { cause: error });
  } finally {
    context.action = null;
  }
}
