/** Events in batches, so that load costs few transactions and a lone event is shown at once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Followed } from '@vm-task/shared/bus/follow';

/** A transaction costs about as much as twenty inserts; larger batches gain nothing and hold up readers. */
const batchMessages = 500;
/** One task may have megabytes. */
const batchBytes = 16 * 1024 * 1024;
/** After a batch the next one waits so long for more, which nobody sees. */
const gatherMs = 10;

/**
 * Everything of `source` once and in order; ends when it ends. A batch is taken when no more is to come just now and
 * the pause since the last one is over, or when it is full.
 */
export async function* gatherEvents(source: AsyncGenerator<Followed, void, void>): AsyncGenerator<Followed[]> {
  let pause: Promise<void> = Promise.resolve();
  let coming = source.next();
  for (let first = await coming; first.done !== true; first = await coming) {
    const batch = [first.value];
    let bytes = first.value.message.data.length;
    coming = source.next();
    while (batch.length < batchMessages && bytes < batchBytes) {
      const more = await (batch.at(-1)?.pending === 0 ? Promise.race([coming, pause]) : coming);
      if (more === undefined || more.done === true) break;
      batch.push(more.value);
      bytes += more.value.message.data.length;
      coming = source.next();
    }
    yield batch;
    pause = delay(gatherMs);
  }
}
