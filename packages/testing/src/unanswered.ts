/** What a request to the broker comes to when nobody answers it. */
import { TimeoutError } from '@nats-io/transport-node';

export function unanswered(): Error {
  return new TimeoutError();
}
