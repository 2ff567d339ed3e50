/** What a check is, and what it may find. */
import type { Finding } from '@vm-task/hypervisor/drivers/finding';
import type { Context } from './context.ts';

export { type Finding, fail, NotCheckable, pass, type Status, warn } from '@vm-task/hypervisor/drivers/finding';

export interface Check {
  readonly name: string;
  /** Longer than the slowest answer that is still a good one; what takes longer fails. */
  readonly limitMs: number;
  /** Looks, and alters nothing. @throws `NotCheckable`; anything else is a finding of its own. */
  readonly look: (context: Context, signal: AbortSignal) => Promise<Finding>;
}
