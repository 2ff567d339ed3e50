/** The points that scenarios have reached, and what is made of their names. */
import type { Scenario } from './scenarios/scenario.ts';

export interface Point {
  /** `<service> <place in the code> <what about>/<before or after>`. */
  readonly name: string;
  /** The how manieth coming to it is meant. */
  readonly time: number;
  /** The first one that comes to it, or one that tries it again (`apart`). */
  readonly scenario: Scenario;
}

export function labelOf({ name, time, scenario }: Point): string {
  const label = time === 1 ? name : `${name} #${time}`;
  return scenario.apart?.test(name) ? `${label} in ${scenario.name}` : label;
}

/** Where in the code the point is. */
export function placeOf({ name }: Point): string {
  return name.replace(/\/(before|after)$/, '').split(' ')[1] ?? '';
}

export function phaseOf({ name }: Point): string {
  return name.endsWith('/before') ? 'before' : 'after';
}

/** Output comes in pieces: its middle is another point than its beginning. */
const middle = 3;
const inPieces = /output-log:/;

/** Each point once, and again in a scenario that tries it apart, in the order of the scenarios and of what happens in them. */
export function pointsIn(recordings: ReadonlyMap<Scenario, readonly string[]>): readonly Point[] {
  const points = new Map<string, Point>();
  for (const [scenario, reached] of recordings) {
    const times = new Map<string, number>();
    for (const name of reached) {
      const time = (times.get(name) ?? 0) + 1;
      times.set(name, time);
      const isAnother = scenario.apart?.test(name) || (time === middle && inPieces.test(name));
      if (time !== 1 && !isAnother) continue;
      const point = { name, time, scenario };
      if (!points.has(labelOf(point))) points.set(labelOf(point), point);
    }
  }
  return [...points.values()];
}
