import type { Expressions, FillOrder } from '@vm-task/pipelines/expressions/fill';
import { fillOnce, newBudget } from '@vm-task/pipelines/expressions/fill';
import { TemplateError } from '@vm-task/pipelines/expressions/template';
import type { Json } from '@vm-task/shared/json';
import { describe, expect, test } from 'vitest';
import { ExpressionThread } from './expression-thread.ts';

function orderOf(template: Json, p: Json, items: FillOrder['items'] = [{}]): FillOrder {
  const scope = { parameters: ['p'], needs: new Map(), stages: [], perItem: items.length > 1 };
  return { template, isTask: true, scope, values: { params: { p }, needs: {} }, items, maxBytes: 1_000 };
}

const fill = (expressions: Expressions, template: Json, p: Json, budget = newBudget()) =>
  fillOnce(expressions, orderOf(template, p), budget);
const endless = '${{ params.p.matches("(a+)+$") }}';
const long = `${'a'.repeat(60)}b`;

describe('in a thread of their own', () => {
  test('expressions are filled in for each item, as many as there is room for', async () => {
    await using expressions = new ExpressionThread();
    const items = ['x', null, 'y'.repeat(2_000), 'z'].map((item, index) => ({ item, index }));
    const template = { run: 'echo ${{ params.p }}', at: '${{ index }}', text: '${{ item + params.p }}' };
    const filled = await expressions.fill(orderOf(template, '!', items), newBudget());
    expect(filled).toMatchObject([
      { kind: 'value', value: { run: template.run, at: 0, text: 'x!' } },
      { kind: 'failed', message: expect.stringContaining('text: ${{ item + params.p }}: no such overload') },
      { kind: 'value', value: { at: 2 } },
    ]);
  });

  test('what takes longer than it may is ended, while the event loop turns, and the next is filled', async () => {
    await using expressions = new ExpressionThread();
    let turns = 0;
    const turning = setInterval(() => turns++, 5);
    const filling = fill(expressions, endless, long, { leftMs: 200 });
    await expect(filling).rejects.toThrow(TemplateError);
    clearInterval(turning);
    expect(turns).toBeGreaterThan(3);
    expect(await fill(expressions, '${{ params.p + 1 }}', 1)).toBe(2);
  });

  test('all of one decision have one budget, which each filling makes smaller', async () => {
    await using expressions = new ExpressionThread();
    const budget = newBudget();
    const work = '${{ params.p.map(x, params.p.map(y, x * y)).size() }}';
    const numbers = Array.from({ length: 300 }, (_, index) => index);
    expect(await fill(expressions, work, numbers, budget)).toBe(300);
    expect(budget.leftMs).toBeLessThan(newBudget().leftMs);
    await expect(fill(expressions, endless, long, { leftMs: 100 })).rejects.toThrow(
      'may take 2 s of a processor together',
    );
  });

  test('what needs more memory than it may fails, and nothing else does', async () => {
    await using expressions = new ExpressionThread({ heapMiB: 32 });
    const doubled = Array.from({ length: 24 }, (_, at) => `cel.bind(x${at + 1}, [x${at}, x${at}], `).join('');
    const template = `\${{ cel.bind(x0, params.p, ${doubled}x24${')'.repeat(25)} }}`;
    await expect(fill(expressions, template, [1, 2, 3])).rejects.toThrow(TemplateError);
    expect(await fill(expressions, '${{ params.p }}', 1)).toBe(1);
  });

  test('a host that stands still makes nobody fail: it is an error that is tried again', async () => {
    await using expressions = new ExpressionThread({ usedMs: async () => 0, stalledMs: 200 });
    const filling = fill(expressions, endless, long);
    await expect(filling).rejects.toThrow('expressions got no processor time');
    await expect(filling).rejects.not.toBeInstanceOf(TemplateError);
    expect(await fill(expressions, '${{ params.p }}', 1)).toBe(1);
  });

  test('many at once are filled one after the other', async () => {
    await using expressions = new ExpressionThread();
    const filled = await Promise.all(Array.from({ length: 20 }, (_, p) => fill(expressions, '${{ params.p * 2 }}', p)));
    expect(filled).toEqual(Array.from({ length: 20 }, (_, p) => p * 2));
  });
});
