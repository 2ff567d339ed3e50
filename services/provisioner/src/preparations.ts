/**
 * What takes its time and belongs to no task: building images, freezing snapshots. Done once for all who wait for
 * it; who stops waiting stops nothing. What is being done is told, so that people see why their task waits.
 */
import type { Hypervisor, Report, VmClass } from '@vm-task/hypervisor/hypervisor';
import type { Image, ImageRef } from '@vm-task/hypervisor/images/image';
import { formatImageRef } from '@vm-task/hypervisor/images/image-ref';

/** The images that there are; the real one is `ensureImage` of the hypervisor's images. */
export interface Images {
  /** The image of that name, built first if it must be. Thrown: `image-not-found`, `image-build-failed`. */
  ensure(ref: ImageRef, work: { readonly report: Report; readonly signal: AbortSignal }): Promise<Image>;
}

/** Told what a pool is preparing, and null when it is done. */
export type TellProgress = (pool: string, now: Parameters<Report>[0] | null) => void;

export class Preparations {
  readonly #hypervisor: Pick<Hypervisor, 'prepare'>;
  readonly #images: Images;
  readonly #tell: TellProgress;
  readonly #stop: AbortSignal;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(hypervisor: Pick<Hypervisor, 'prepare'>, images: Images, tell: TellProgress, stop: AbortSignal) {
    this.#hypervisor = hypervisor;
    this.#images = images;
    this.#tell = tell;
    this.#stop = stop;
  }

  /** Returns when nothing is being prepared any more; soon, after `stop`. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  /** The image, built if it must be. Thrown: what its making threw, or the reason of `signal`. */
  image(pool: string, ref: ImageRef, signal: AbortSignal): Promise<Image> {
    const key = `image ${pool} ${formatImageRef(ref)}`;
    return this.#once(key, pool, signal, (work) => this.#images.ensure(ref, work));
  }

  /** Returns when a VM of the class can be cloned. Thrown: what its making threw, or the reason of `signal`. */
  vmClass(vmClass: VmClass, signal: AbortSignal): Promise<void> {
    const { pool, image, size, egress } = vmClass;
    const key = `class ${pool} ${formatImageRef(image)} ${JSON.stringify(size)} ${egress}`;
    return this.#once(key, pool, signal, ({ report, signal: abort }) =>
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
    return unlessAborted(running ?? this.#start(key, pool, make), signal);
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

/** The promise's outcome, unless the signal is aborted first; the work itself goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
