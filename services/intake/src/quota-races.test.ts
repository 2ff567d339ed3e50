/** Several intakes with a quota of one team: what is asked, stored and seen comes in any order, and some of it never is. */
import { newTaskId } from '@vm-task/shared/new-ids';
import { chance } from '@vm-task/testing/chance';
import { runSeed } from '@vm-task/testing/seed';
import { describe, expect, it } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { created } from '../test/task-events.ts';
import { openDatabase } from './projection/open-database.ts';
import { createProjection } from './projection/projection.ts';
import { createQuotas, type Place, type Wanted } from './quotas.ts';

const task: Wanted = { what: 'task', keepsFiles: false };

function startIntake(limit: number) {
  const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  const teams = { red: { quotas: { waitingTasks: limit } } };
  const quotas = createQuotas({ teams, projection, nowMs: () => Date.UTC(2026, 0, 1) });
  return { ...quotas, projection, [Symbol.dispose]: () => projection[Symbol.dispose]() };
}
type Intake = ReturnType<typeof startIntake>;

function startRace(pick: (max: number) => number) {
  const limit = 1 + pick(6);
  const events = memoryEvents();
  const intakes = Array.from({ length: 1 + pick(3) }, () => startIntake(limit));
  const inFlight: Place[] = [];
  /** The next event that this one has not seen; false where there is none. */
  const see = ({ projection }: Intake): boolean => {
    const event = events.stored[projection.position];
    if (event !== undefined) projection.advance([{ seq: event.seq, event }]);
    return event !== undefined;
  };
  const store = (place: Place) => {
    const { data, seq } = events.put(created(newTaskId(0), undefined, { team: 'red' }));
    place.stored({ id: data.task, seq });
    place[Symbol.dispose]();
  };
  const submit = (intake: Intake) => {
    if (intake.refusal('red', task) === null) inFlight.push(intake.take('red', task));
    else expect(() => intake.take('red', task)).toThrow('(waitingTasks)');
  };
  const goOn = () => {
    const [place] = inFlight.splice(pick(inFlight.length + 1), 1);
    if (place === undefined) return;
    // One in five fails on its way.
    if (pick(5) === 0) place[Symbol.dispose]();
    else store(place);
  };
  return {
    ...{ limit, events, intakes, inFlight },
    step() {
      const intake = intakes[pick(intakes.length)] as Intake;
      [() => void see(intake), () => submit(intake), goOn, goOn][pick(4)]?.();
    },
    finish() {
      for (const place of inFlight.splice(0)) store(place);
      for (const intake of intakes) while (see(intake));
    },
    [Symbol.dispose]: () => {
      for (const intake of intakes) intake[Symbol.dispose]();
    },
  };
}

describe('of any race', () => {
  const from = runSeed('races for a quota');

  it.each(Array.from({ length: 100 }, (_, index) => from + index))(
    'n intakes take at most n times what is free, and nothing once each has seen it all: seed %i',
    (seed) => {
      using race = startRace(chance(seed));
      const { limit, events, intakes, inFlight } = race;
      for (let step = 0; step < 200; step++) {
        race.step();
        expect(events.stored.length + inFlight.length).toBeLessThanOrEqual(intakes.length * limit);
      }
      race.finish();
      for (const intake of intakes) {
        expect(intake.usage('red')[0]?.used).toBe(events.stored.length);
        expect(intake.refusal('red', task) !== null).toBe(events.stored.length >= limit);
      }
    },
  );
});
