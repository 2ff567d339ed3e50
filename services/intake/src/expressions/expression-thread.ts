/**
 * Expressions of others in a thread of their own (I13): the event loop goes on whatever they do, one filling after the
 * other. What counts is the processor time of the thread, so that a host which stands still makes nobody fail; a thread
 * that takes more than it may, or more memory, is ended with what it works on, and the next filling gets a new one.
 */
import { once } from 'node:events';
import { setInterval } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Budget, Expressions, Filled, FillOrder } from '@vm-task/pipelines/expressions/fill';
import { TemplateError } from '@vm-task/pipelines/expressions/template';

const defaults = {
  /** How often the thread's processor time is looked at: it may take so much more than it may. */
  lookMs: 50,
  /** A thread that is not over its time after so long gets no processor: nobody can know how long it would take. */
  stalledMs: 60_000,
  heapMiB: 128,
  usedMs: usedByThread,
};

type Outcome =
  | { readonly kind: 'filled'; readonly filled: readonly Filled[] }
  | { readonly kind: 'over'; readonly what: string }
  | { readonly kind: 'stalled' }
  | { readonly kind: 'broken'; readonly error: unknown };

export class ExpressionThread implements Expressions, AsyncDisposable {
  readonly #limits: typeof defaults;
  #worker: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: Partial<typeof defaults> = {}) {
    this.#limits = { ...defaults, ...limits };
  }

  fill(order: FillOrder, budget: Budget): Promise<readonly Filled[]> {
    const filling = this.#last.then(() => this.#fill(order, budget));
    this.#last = filling.catch(() => undefined);
    return filling;
  }

  async #fill(order: FillOrder, budget: Budget): Promise<readonly Filled[]> {
    const worker = await this.#running();
    const before = await this.#limits.usedMs(worker);
    const outcome = await this.#outcomeOf(worker, order, before + budget.leftMs);
    if (outcome.kind !== 'filled') await this.#end();
    switch (outcome.kind) {
      case 'filled':
        budget.leftMs -= Math.max(0, (await this.#limits.usedMs(worker)) - before);
        return outcome.filled;
      case 'over':
        budget.leftMs = 0;
        throw new TemplateError(outcome.what);
      case 'stalled':
        throw new Error('expressions got no processor time; they are evaluated again');
      case 'broken':
        throw new Error('the thread of expressions has ended', { cause: outcome.error });
    }
  }

  async #running(): Promise<Worker> {
    if (this.#worker !== null) return this.#worker;
    const resourceLimits = { maxOldGenerationSizeMb: this.#limits.heapMiB };
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { resourceLimits });
    // What it does is waited for where it is asked; it holds nobody back from ending.
    worker.on('error', () => undefined);
    worker.unref();
    this.#worker = worker;
    await once(worker, 'message');
    return worker;
  }

  async #outcomeOf(worker: Worker, order: FillOrder, mostMs: number): Promise<Outcome> {
    using over = new AbortScope();
    const answered = once(worker, 'message', over).then(([filled]): Outcome => ({ kind: 'filled', filled }));
    const settled = answered.catch((error): Outcome => endOf(error, this.#limits.heapMiB));
    worker.postMessage(order);
    return await Promise.race([settled, this.#watch(worker, mostMs, over.signal)]);
  }

  /** Never resolves once `signal` is aborted: the answer was there. */
  async #watch(worker: Worker, mostMs: number, signal: AbortSignal): Promise<Outcome> {
    const { lookMs, stalledMs, usedMs } = this.#limits;
    let looks = 0;
    for await (const _tick of setInterval(lookMs, undefined, { signal, ref: true })) {
      if ((await usedMs(worker)) > mostMs) return { kind: 'over', what: tooLong };
      if (++looks * lookMs >= stalledMs) return { kind: 'stalled' };
    }
    return { kind: 'stalled' };
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

const tooLong = 'the expressions of one decision may take 2 s of a processor together, and these take longer';

function endOf(error: unknown, heapMiB: number): Outcome {
  if ((error as { code?: string }).code !== 'ERR_WORKER_OUT_OF_MEMORY') return { kind: 'broken', error };
  return { kind: 'over', what: `the expressions need more than the ${heapMiB} MiB of memory that they may have` };
}

/** Of a thread that is ending, whatever: its end is reported by its own event. */
async function usedByThread(worker: Worker): Promise<number> {
  const { user, system } = await worker.cpuUsage().catch(() => ({ user: 0, system: 0 }));
  return (user + system) / 1_000;
}

/** Aborted when it goes out of scope. */
class AbortScope implements Disposable {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#controller.abort('over');
  }
}
