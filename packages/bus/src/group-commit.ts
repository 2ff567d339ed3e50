/**
 * Group commit: messages that nobody's next step waits for are stored together when many come at once. The stream syncs
 * each message that it takes by itself, but an atomic batch only once.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import { type MsgHdrs, headers as noHeaders } from '@nats-io/transport-node';

/** To be stored when its subject holds nothing yet. */
export interface FirstOnSubject {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
  readonly msgID: string;
}

interface Waiting {
  readonly message: FirstOnSubject;
  readonly answer: PromiseWithResolvers<unknown>;
}

/** To the server, a batch costs about as much as so many messages alone: it stages them in a folder of their own. */
const fewestTogether = 20;
/** The server takes a thousand; a smaller batch holds up whoever else publishes for less time. */
const mostTogether = 200;

/**
 * Resolves when the message is stored, and rejects as `js.publish` does. What comes while a group is on its way goes
 * with the next one, so a message that comes alone waits for nothing.
 */
export type CommitInGroup = (message: FirstOnSubject) => Promise<unknown>;

export function groupCommit(js: JetStreamClient): CommitInGroup {
  const waiting: Waiting[] = [];
  let isCommitting = false;
  const commitAll = async () => {
    isCommitting = true;
    while (waiting.length > 0) await commit(js, waiting.splice(0, mostTogether));
    isCommitting = false;
  };
  return (message) => {
    const answer = Promise.withResolvers<unknown>();
    waiting.push({ message, answer });
    if (!isCommitting) void commitAll();
    return answer.promise;
  };
}

async function commit(js: JetStreamClient, group: readonly Waiting[]): Promise<void> {
  const isStored = group.length >= fewestTogether && (await commitTogether(js, group));
  if (isStored) for (const { answer } of group) answer.resolve(null);
  else await Promise.all(group.map((one) => commitAlone(js, one)));
}

/** False when the server refuses the batch, for which one message is enough, or when its answer is lost: each is asked for alone then. */
async function commitTogether(js: JetStreamClient, group: readonly Waiting[]): Promise<boolean> {
  const [first, ...others] = group.map(({ message }) => message);
  const last = others.pop();
  if (first === undefined || last === undefined) return false;
  try {
    const batch = await js.startBatch(first.subject, first.payload, { headers: expecting(first) });
    for (const other of others) batch.add(other.subject, other.payload, { headers: expecting(other) });
    await batch.commit(last.subject, last.payload, { headers: expecting(last) });
    return true;
  } catch {
    return false;
  }
}

async function commitAlone(js: JetStreamClient, { message, answer }: Waiting): Promise<void> {
  const { subject, payload, headers, msgID } = message;
  await js
    .publish(subject, payload, { headers, msgID, expect: { lastSubjectSequence: 0 } })
    .then(answer.resolve, answer.reject);
}

/** The client leaves the options `expect` and `msgID` of a batch's messages out. Copied: a batch adds headers of its own. */
function expecting({ headers, msgID }: FirstOnSubject): MsgHdrs {
  const copy = noHeaders();
  for (const [key, values] of headers) for (const value of values) copy.append(key, value);
  copy.set('Nats-Msg-Id', msgID);
  copy.set('Nats-Expected-Last-Subject-Sequence', '0');
  return copy;
}
