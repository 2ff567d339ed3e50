/** What was published and not stored, as things that should happen sometimes. */
import type { NotStored } from './broker/broker.ts';
import type { Publication, StoredMessage } from './broker/stream.ts';
import type { Observations } from './observations.ts';
import type { Sometimes } from './sometimes.ts';

const noted: Readonly<Partial<Record<NotStored, Sometimes>>> = {
  duplicate: 'an append was a duplicate',
  full: 'an append was refused by a full stream',
};

/** `last`: what the subject has. */
export function noteNotStored(
  observations: Observations,
  answer: NotStored,
  { subject, msgId }: Publication,
  last: StoredMessage | null,
): void {
  if (msgId !== null && last?.headers.get('Nats-Msg-Id') === msgId) {
    observations.sometimes('an append of unknown outcome had landed');
  }
  observations.sometimes(noted[answer] ?? whatWasRefused(subject));
}

function whatWasRefused(subject: string): Sometimes {
  if (subject.startsWith('log.')) return 'output of a stale writer was refused';
  if (subject.startsWith('pipeline.')) return 'a decision about a pipeline was refused';
  if (subject.startsWith('task.created.')) return 'a creation was refused';
  if (subject.startsWith('task.completed.')) return 'an ending was refused';
  return subject.startsWith('vm.ready.') ? 'vm.ready was refused' : 'another append was refused';
}
