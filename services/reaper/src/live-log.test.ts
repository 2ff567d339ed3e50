import type { Head } from '@vm-task/shared/events';
import { chance } from '@vm-task/testing/chance';
import { randomHistory } from '@vm-task/testing/random-history';
import * as sample from '@vm-task/testing/sample-events';
import { storedAt } from '@vm-task/testing/stored';
import { expect, test } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import { LiveLog } from './live-log.ts';

/** Of several tasks, in one log, as the sequences go. */
function randomLog(seed: number): Head[] {
  const pick = chance(seed);
  const rows = Array.from({ length: 4 }, (_, index) => [...randomHistory(seed * 10 + index).events]);
  const log: Head[] = [];
  while (rows.some((row) => row.length > 0)) {
    const event = rows[pick(rows.length)]?.shift();
    if (event !== undefined) log.push({ ...event, seq: log.length + 1 });
  }
  return log;
}

function folded(log: LiveLog, events: readonly Head[]): Checkpoint {
  for (const event of events) log.take(event.seq, event);
  return log.checkpoint('stream');
}

const kept = (checkpoint: Checkpoint): Checkpoint => JSON.parse(JSON.stringify(checkpoint));

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'what a checkpoint has of a prefix, and the rest, is what all of it says, wherever it was cut: seed %i',
  (seed) => {
    const events = randomLog(seed);
    const all = folded(new LiveLog(1_000), events);
    for (let cut = 0; cut <= events.length; cut++) {
      const checkpoint = kept(folded(new LiveLog(1_000), events.slice(0, cut)));
      const resumed = new LiveLog(1_000, { checkpoint, again: [] });
      const rest = folded(resumed, events.slice(cut));
      expect(kept(rest)).toEqual(kept(all));
    }
  },
);

test('of what has ended nothing is kept', () => {
  const log = new LiveLog(1_000);
  const empty = log.checkpoint('stream');
  for (let n = 0; n < 100; n++) {
    const task = sample.sampleTask();
    const drafts = [
      sample.created(task, { spec: { ...sample.sampleSpec, alertAfterMs: 1_000 } }),
      sample.completed(task),
    ];
    for (const draft of drafts) log.take(n, storedAt(draft, n));
  }
  expect({ ...log.checkpoint('stream'), seq: 0 }).toEqual(empty);
});
