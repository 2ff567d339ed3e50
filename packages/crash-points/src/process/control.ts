/** How the harness and the services' processes speak: files in a folder of the home. */
import { join } from 'node:path';

/** What a service is to do at its points. */
export type Order =
  | { readonly kind: 'none' }
  | { readonly kind: 'record' }
  /** Kill yourself when you have reached the point so many times since now. */
  | { readonly kind: 'kill'; readonly point: string; readonly time: number };

export interface Control {
  readonly folder: string;
  readonly order: string;
  /** The order, once somebody has killed itself. */
  readonly obeyed: string;
  /** A line for each point that was reached. */
  readonly reached: string;
}

export function control(home: string): Control {
  const folder = join(home, 'crash-points');
  return {
    folder,
    order: join(folder, 'order.json'),
    obeyed: join(folder, 'obeyed.json'),
    reached: join(folder, 'reached'),
  };
}
