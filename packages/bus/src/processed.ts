/** Effects that are no events, such as a webhook's call: had at least once, and not again once it is known that they were. */
import { Kvm } from '@nats-io/kv';
import type { Connection } from './connection.ts';

/**
 * Has the effect of `key` (`<consumer>.<what>`), unless it is known to have been had. A crash between the effect and the
 * note of it repeats the effect, which must be recognisable to whoever sees it twice.
 */
export async function unlessProcessed(
  { js }: Connection,
  key: string,
  effect: () => Promise<void>,
): Promise<'had' | 'known'> {
  const bucket = await new Kvm(js).open('processed');
  const isKnown = (await bucket.get(key)) !== null;
  if (!isKnown) await effect();
  // Written anew each time, so that it outlives whatever is still tried again.
  await bucket.put(key, '');
  return isKnown ? 'known' : 'had';
}
