/**
 * What takes its time and belongs to no task: building images, freezing snapshots. Done once for all who wait for
 * it; who stops waiting stops nothing. What is being done is told, so that people see why their task waits.
 */
import type { Hypervisor, Report } from '@vm-task/hypervisor/hypervisor';
import type { ResolvedSpec, VmClass, VmRequest } from '@vm-task/hypervisor/vm-class';
import { orAborted } from '@vm-task/shared/or-aborted';

type Preparing = Pick<Hypervisor, 'resolve' | 'prepare'>;

/** Told what a pool is preparing, and null when it is done. */
export type TellProgress = (pool: string, now: Parameters<Report>[0] | null) => void;

export class Preparations {
  readonly #hypervisor: Preparing;
  readonly #tell: TellProgress;
  readonly #stop: AbortSignal;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(hypervisor: Preparing, tell: TellProgress, stop: AbortSignal) {
    this.#hypervisor = hypervisor;
    this.#tell = tell;
    this.#stop = stop;
  }

  /** Returns when nothing is being prepared any more; soon, after `stop`. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  /** What the pool makes of the request; an image is built if it must be. @throws what its making threw, or the reason of `signal`. */
  resolve(pool: string, request: VmRequest, signal: AbortSignal): Promise<ResolvedSpec> {
    const key = `resolve ${pool} ${JSON.stringify(request)}`;
    return this.#once(key, pool, signal, ({ report, signal: abort }) =>
      this.#hypervisor.resolve(pool, request, report, abort),
    );
  }

  /** Returns when a VM of the class can be cloned. @throws what its making threw, or the reason of `signal`. */
  vmClass(vmClass: VmClass, signal: AbortSignal): Promise<void> {
    return this.#once(`class ${JSON.stringify(vmClass)}`, vmClass.pool, signal, ({ report, signal: abort }) =>
      this.#hypervisor.prepare(vmClass, report, abort),
    );
  }

  #once<T>(
    key: string,
    pool: string,
    signal: AbortSignal,
    make: (work: { report: Report; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const running = this.#running.get(key) as Promise<T> | undefined;
    return orAborted(running ?? this.#start(key, pool, make), signal);
  }

  #start<T>(
    key: string,
    pool: string,
    make: (work: { report: Report; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    let told = false;
    const report: Report = (now) => {
      told = true;
      this.#tell(pool, now);
    };
    const made = make({ report, signal: this.#stop }).finally(() => {
      this.#running.delete(key);
      if (told) this.#tell(pool, null);
    });
    this.#running.set(key, made);
    return made;
  }
}
