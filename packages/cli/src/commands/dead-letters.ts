/** Commands about dead letters: what no handler could take, named by its number in the list. */

import type { DeadLetterView } from '@vm-task/client/views';
import { plainLines, shorten } from '../screen/plain-text.ts';
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import type { Common } from './tasks.ts';

export async function listDeadLetters(
  { system, json }: Common,
  query: Readonly<Record<string, string>>,
): Promise<void> {
  const page = await system.client.deadLetters.list(query);
  if (json) return printJson(page);
  const rows = page.letters.map((letter) => [
    letter.seq,
    letter.buriedAt,
    letter.consumer,
    letter.subject,
    shorten(letter.reason, 60),
  ]);
  print(table(['seq', 'buried', 'consumer', 'message', 'reason'], rows));
  if (page.next !== null) print(`\nmore: vm-task deadletter list --after ${page.next}`);
}

export async function showDeadLetter({ system, json }: Common, seq: string): Promise<void> {
  const letter = await system.client.deadLetters.show(seq);
  if (json) return printJson(letter);
  print(table(['field', 'value'], fieldsOf(letter)));
  if (letter.data === null) return print('\nThe message is too large to be shown; it is in its stream.');
  const data = Buffer.from(letter.data, 'base64').toString('utf8');
  print(`\nmessage:\n${plainLines(data)}`);
}

function fieldsOf(letter: DeadLetterView): (readonly [string, string | number | null])[] {
  const headers = Object.entries(letter.headers).map(([name, value]) => [name, value] as const);
  return [
    ['seq', letter.seq],
    ['buried', letter.buriedAt],
    ['consumer', letter.consumer],
    ['reason', letter.reason],
    ['message', `${letter.originalSeq} of ${letter.stream}, on ${letter.subject}`],
    ['published', letter.publishedAt],
    ['trace', letter.traceparent],
    ...headers,
  ];
}

export async function replayDeadLetter({ system, json }: Common, seq: string): Promise<void> {
  await system.client.deadLetters.replay(seq);
  if (json) printJson({ seq: Number(seq) });
  else print(`${seq} is handled again by the worker that could not; it leaves the list when that succeeds`);
}

export async function dropDeadLetter({ system, json }: Common, seq: string): Promise<void> {
  await system.client.deadLetters.drop(seq);
  if (json) printJson({ seq: Number(seq) });
  else print(`${seq} is dropped`);
}
