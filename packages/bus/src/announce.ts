/** Events that are about no task's course: nobody decides anything by them, so they are stored whatever else happened. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Draft } from '@vm-task/shared/events';
import { orAborted } from '@vm-task/shared/or-aborted';
import { eventSubject } from '@vm-task/shared/subjects';
import { throwIfNonRetryable, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { encode, eventId } from './envelope.ts';
import type { FollowedFeatures } from './features.ts';

/** Who speaks, and what all others can read by now. */
export interface Speaker {
  readonly source: string;
  readonly features: FollowedFeatures;
}

export interface AnnounceOptions {
  /** Nothing has ever been stored on its subject, or this is not either. */
  readonly once?: boolean;
}

/** Between two tries of a publish that the broker did not answer. */
const pauseMs = 500;

/**
 * Returns once the stream has it. A `vm.gone` is stored once for ever, as is an alert that says `once`; another alert
 * once within the broker's window for duplicates. @throws what waiting cannot heal, or the abort's reason.
 */
export type Announce = (
  draft: Draft<'vm.gone' | 'alert.raised'>,
  signal: AbortSignal,
  options?: AnnounceOptions,
) => Promise<void>;

export function announcer({ js }: Pick<Connection, 'js'>, { source, features }: Speaker): Announce {
  return async (draft, signal, { once = draft.type === 'vm.gone' } = {}) => {
    const msgID = eventId(draft, null);
    const subject = eventSubject(draft);
    for (;;) {
      const { payload, headers } = encode(draft, msgID, source, new Date(), features.version);
      try {
        const expect = once ? { expect: { lastSubjectSequence: 0 } } : {};
        await orAborted(js.publish(subject, payload, { headers, msgID, ...expect }), signal);
        return;
      } catch (error) {
        if (wasRefused(error)) return;
        signal.throwIfAborted();
        throwIfNonRetryable(error);
        await orAborted(delay(pauseMs), signal);
      }
    }
  };
}
