import { errorCodes, VmTaskError } from '@vm-task/shared/errors';

/**
 * What `plan` gives, or the sentence that says why there is no plan and never will be.
 *
 * @throws what `plan` throws when that may heal
 */
export function planOrReason<T extends object>(plan: () => T): T | string {
  try {
    return plan();
  } catch (error) {
    if (error instanceof VmTaskError && errorCodes[error.code].permanent) return `${error.code}: ${error.message}`;
    throw error;
  }
}
