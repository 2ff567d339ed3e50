/** `/v1/deadletters`: what no handler could take; to be looked at, handled again, or thrown away. */
import { type DeadLetterSummary, deadLetterRoutes as routes } from '@vm-task/api/dead-letters';
import { type DeadLetter, dropLetter, listLetters, readLetter } from '@vm-task/bus/dead-letters';
import { VmTaskError } from '@vm-task/shared/errors';
import { commandSubjects } from '@vm-task/shared/subjects';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';

export function deadLetterRoutes(app: App, deps: HttpDeps): void {
  listRoute(app, deps);
  showRoute(app, deps);
  replayRoute(app, deps);
  dropRoute(app, deps);
}

function listRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.list, async ({ query: { after, limit } }) => {
    // One more than wanted tells whether there is a next page.
    const found = await listLetters(bus.connection, after, limit + 1);
    const page = found.slice(0, limit);
    return { letters: page.map(summaryOf), next: found.length > limit ? (page.at(-1)?.seq ?? null) : null };
  });
}

function showRoute(app: App, { bus }: HttpDeps): void {
  serve(app, routes.show, async ({ params: { seq } }) => {
    const found = await readLetter(bus.connection, seq);
    if (found === null) throw unknown(seq);
    const { headers, data } = found.letter;
    return { ...summaryOf(found), headers, data };
  });
}

function replayRoute(app: App, { bus, log }: HttpDeps): void {
  serve(app, routes.replay, async ({ params: { seq } }) => {
    if ((await readLetter(bus.connection, seq)) === null) throw unknown(seq);
    await bus.connection.js.publish(commandSubjects.replay, JSON.stringify({ seq }));
    log.info({ letter: seq }, 'asked to replay a dead letter');
    return { seq };
  });
}

function dropRoute(app: App, { bus, log }: HttpDeps): void {
  serve(app, routes.drop, async ({ params: { seq } }) => {
    if (!(await dropLetter(bus.connection, seq))) throw unknown(seq);
    log.info({ letter: seq }, 'dropped a dead letter');
    return { seq };
  });
}

function summaryOf({ seq, buriedAt, letter }: DeadLetter): DeadLetterSummary {
  const { consumer, reason, subject, stream, traceparent } = letter;
  return {
    seq,
    buriedAt: buriedAt.toISOString(),
    consumer,
    reason,
    subject,
    stream,
    originalSeq: letter.seq,
    publishedAt: letter.time,
    traceparent,
  };
}

function unknown(seq: number): VmTaskError {
  const message = `there is no dead letter ${seq}; ./vm-task deadletter list shows those that are kept`;
  return new VmTaskError('deadletter-not-found', message);
}
