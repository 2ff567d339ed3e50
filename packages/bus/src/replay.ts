/**
 * Replaying a dead letter: the worker that could not handle the message gets it once more, as it was stored. Nothing is
 * published again. Every worker reads the commands, and acts on those that name a letter of its own.
 */

import { deadletterReplaySchema } from '@vm-task/shared/commands';
import { commandSubjects } from '@vm-task/shared/subjects';
import type { Logger } from 'pino';
import type { Connection } from './connection.ts';
import { type DeadLetter, dropLetter, readLetter, readOriginal } from './dead-letters.ts';
import type { RawMessage } from './envelope.ts';
import { type Delivery, judge, type Verdict, type WorkerDefinition, type WorkerHooks } from './work.ts';

export interface Replaying {
  readonly connection: Connection;
  readonly worker: WorkerDefinition;
  readonly handle: WorkerHooks['handle'];
  /** Stores the letter; returns its sequence in `DEAD`. */
  readonly bury: (delivery: Delivery, reason: string) => Promise<number>;
  readonly log: Logger;
}

/** The durable through which a worker is asked to handle its own dead letters again. */
export function replayWorker({ name }: WorkerDefinition): WorkerDefinition {
  return { stream: 'COMMANDS', name: `${name}-replay`, filters: [commandSubjects.replay] };
}

/** Handles one command. A letter that has been handled goes; one that is rejected again stays, or a newer one does. */
export async function replay(replaying: Replaying, { message, deliveries, signal }: Delivery): Promise<Verdict> {
  const { connection, worker, handle, bury, log } = replaying;
  const wanted = wantedLetter(message);
  const letter = wanted === null ? null : await readLetter(connection, wanted);
  if (letter === null || letter.letter.consumer !== worker.name) return { kind: 'ack' };
  const original = await readOriginal(connection, letter);
  if (original === null) {
    log.error({ letter: letter.seq }, 'the message of a dead letter is stored nowhere any more');
    return { kind: 'ack' };
  }
  // Never the first delivery: whatever its handler does then is to look for what an earlier one left.
  const again: Delivery = { message: original, deliveries: deliveries + 1, signal };
  const verdict = await judge(again, worker, { handle });
  if (verdict.kind === 'retry' || verdict.kind === 'leave') return verdict;
  await settleLetter(connection, letter, verdict.kind === 'reject' ? await bury(again, verdict.reason) : null);
  log.info({ letter: letter.seq, verdict: verdict.kind }, 'replayed a dead letter');
  return { kind: 'ack' };
}

async function settleLetter(connection: Connection, { seq }: DeadLetter, newer: number | null): Promise<void> {
  if (newer !== seq) await dropLetter(connection, seq);
}

/** Null for a command that nobody can read: whoever asks through the API has been told. */
function wantedLetter({ data }: RawMessage): number | null {
  try {
    return deadletterReplaySchema.parse(JSON.parse(Buffer.from(data).toString('utf8'))).seq;
  } catch {
    return null;
  }
}
