/** Filling in expressions, as it is asked of whoever may take time for it. */
import type { Json } from '@vm-task/shared/json';
import type { Scope, Values } from './expression.ts';
import { compileTemplate, isScript, TemplateError } from './template.ts';

/** Can be sent to another thread. */
export interface FillOrder {
  /** A value with expressions. */
  readonly template: Json;
  /** It is a task's, whose scripts stay as they are. */
  readonly isTask: boolean;
  readonly scope: Scope;
  readonly values: Pick<Values, 'params' | 'needs'>;
  /** It is filled once for each. */
  readonly items: readonly Pick<Values, 'item' | 'index'>[];
  /** Of all that is filled, as JSON: what is left after so much is not begun. */
  readonly maxBytes: number;
}

export type Filled =
  | { readonly kind: 'value'; readonly value: Json }
  /** An expression has no value. */
  | { readonly kind: 'failed'; readonly message: string };

/** What expressions may still take of a processor, for one decision. It grows less with each filling. */
export interface Budget {
  leftMs: number;
}

/** Thousands of usual expressions. Time of the processor, so that it does not pass while the host stands still. */
export function newBudget(): Budget {
  return { leftMs: 2_000 };
}

export interface Expressions {
  /**
   * As many of `items` as there is room for, in their order.
   *
   * @throws TemplateError when they need more time or memory than they may
   * @throws Error when nobody can know, because the host stood still: to be tried again
   */
  fill(order: FillOrder, budget: Budget): Promise<readonly Filled[]>;
}

/** The filling itself. Takes as long as it takes. */
export function fillAll({ template, isTask, scope, values, items, maxBytes }: FillOrder): Filled[] {
  const fill = compileTemplate(template, scope, isTask ? isScript : () => false);
  const filled: Filled[] = [];
  let bytes = 0;
  for (const item of items) {
    try {
      const value = fill({ ...values, ...item });
      bytes += Buffer.byteLength(JSON.stringify(value));
      filled.push({ kind: 'value', value });
    } catch (error) {
      // Whatever it is, it is the same each time.
      filled.push({ kind: 'failed', message: (error as Error).message });
    }
    if (bytes > maxBytes) break;
  }
  return filled;
}

/** In this thread and without a limit: for those who know what they fill. */
export const expressionsHere: Expressions = { fill: async (order) => fillAll(order) };

/** The one value of a template without items. */
export async function fillOnce(
  expressions: Expressions,
  order: Omit<FillOrder, 'items' | 'maxBytes'>,
  budget: Budget,
): Promise<Json> {
  const [filled] = await expressions.fill({ ...order, items: [{}], maxBytes: 0 }, budget);
  if (filled?.kind === 'value') return filled.value;
  throw new TemplateError(filled?.message ?? 'nothing was filled');
}
