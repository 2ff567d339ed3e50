/** The drivers of one hypervisor: each is opened when it is first asked for something, and whom it is asked about is known. */
import { VmTaskError } from '@vm-task/shared/errors';
import { tolerant } from '@vm-task/shared/tolerant';
import { unknownForm } from '../ledger/json-file.ts';
import type { VmRecord } from '../ledger/vm-record.ts';
import type { Driver, DriverOptions } from './driver.ts';
import type { Drivers } from './drivers.ts';

interface Options extends DriverOptions {
  readonly config: DriverOptions['config'] & { readonly drivers: Drivers };
}

export class OpenDrivers {
  readonly #options: Options;
  readonly #open = new Map<string, Promise<Driver>>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** The driver of that name, which was checked when it was read. */
  get(name: string): Promise<Driver> {
    const open = this.#open.get(name) ?? this.#options.config.drivers.get(name).open(this.#options);
    this.#open.set(name, open);
    return open;
  }

  /** @throws `pool-not-found` for a pool that is not configured */
  async ofPool(pool: string): Promise<Driver> {
    const { config, environment } = this.#options;
    const found = Object.hasOwn(config.pools, pool) ? config.pools[pool] : undefined;
    if (found !== undefined) return await this.get(found.driver);
    throw new VmTaskError('pool-not-found', `there is no pool "${pool}" in ${environment.home.config} any more`);
  }

  /** Those whose VMs have processes and files on this host. */
  onHost(): Promise<Driver[]> {
    const named = this.#options.config.drivers.all.filter(({ capabilities }) => capabilities.processOnHost);
    return Promise.all(named.map(({ name }) => this.get(name)));
  }

  /** Null for a VM of a known driver, with a record that has what that driver writes; else the error that says why it is left alone. */
  whyUnknown(record: VmRecord): VmTaskError | null {
    const { config, environment } = this.#options;
    const path = environment.home.vm(record.vm).record;
    const driver = config.drivers.find(record.driver);
    if (driver === null) {
      const what = `${path} names the driver ${JSON.stringify(record.driver)}, which this version does not know`;
      return new VmTaskError('ledger-unreadable', `${what}; use the version that wrote it`);
    }
    const parsed = tolerant(driver.record).safeParse(record);
    return parsed.success ? null : unknownForm(path, parsed.error);
  }
}
