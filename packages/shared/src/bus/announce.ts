/** Events that are on no spine: nobody decides anything by them, so they are stored whatever else happened. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Draft } from '../events.ts';
import { orAborted } from '../or-aborted.ts';
import { eventSubject } from '../subjects.ts';
import { throwIfHopeless, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { eventId, seal } from './envelope.ts';

export interface AnnounceOptions {
  /** Nothing has ever been stored on its subject, or this is not either. */
  readonly once?: boolean;
}

/** Between two tries of a publish that the broker did not answer. */
const pauseMs = 500;

/**
 * Returns once the stream has it. A `vm.gone` is stored once for ever, as is an alert that says `once`; another alert
 * once within the broker's window for duplicates. Thrown: what waiting cannot heal, or the abort's reason.
 */
export async function announce(
  { js }: Connection,
  source: string,
  draft: Draft<'vm.gone' | 'alert.raised'>,
  signal: AbortSignal,
  { once = draft.type === 'vm.gone' }: AnnounceOptions = {},
): Promise<void> {
  const id = eventId(draft, null);
  const expectation = once ? { expect: { lastSubjectSequence: 0 } } : {};
  for (;;) {
    const { payload, headers } = seal(draft, id, source, new Date());
    try {
      await orAborted(js.publish(eventSubject(draft), payload, { headers, msgID: id, ...expectation }), signal);
      return;
    } catch (error) {
      if (wasRefused(error)) return;
      signal.throwIfAborted();
      throwIfHopeless(error);
      await orAborted(delay(pauseMs), signal);
    }
  }
}
