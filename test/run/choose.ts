/** Which suites a run has, with which seeds, and why: it follows from the arguments, the commit and the day. */
import { createHash, randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { longSuites, type SuiteName, suiteNames, suites } from './suites.ts';

export interface Chosen {
  readonly name: SuiteName;
  readonly seed: number;
  /** For people, after the name. */
  readonly why: string;
}

export interface Circumstances {
  /** Of the checkout, in hexadecimal; null where there is none. */
  readonly commit: string | null;
  /** `2026-01-31`. */
  readonly day: string;
}

export const help = `npm test                               core, and one long suite: the commit decides which
npm test -- --suite NAME [--seed N]    that suite alone; may be given several times
npm run test:all                       core and every long suite
npm run quick                          what takes less than two minutes

Suites: ${suiteNames.join(', ')}.
`;

/** What runs the same again. */
export function againLine(name: SuiteName, seed: number): string {
  return `npm test -- --suite ${name} --seed ${seed}`;
}

/** Six digits: short enough to be typed. */
const seedLimit = 1_000_000;

/** @throws Error with a sentence for people when an argument is unknown or wrong. */
export function choose(args: readonly string[], circumstances: Circumstances): readonly Chosen[] {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: 'string', multiple: true },
      all: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  });
  const seed = values.seed === undefined ? null : wholeNumber(values.seed);
  const of = (name: SuiteName, why: string): Chosen => ({ name, why, seed: seed ?? seedOf(name, circumstances) });
  if (values.suite !== undefined) return values.suite.map((name) => of(known(name), 'asked for'));
  if (values.all) return [of('core', 'always'), ...longSuites.map((name) => of(name, 'all were asked for'))];
  const { commit, day } = circumstances;
  const [key, why] = commit === null ? [digest(day), `the day ${day}`] : [commit, `the commit ${commit.slice(0, 12)}`];
  return [of('core', 'always'), of(suiteOf(key), `chosen by ${why} out of ${longSuites.join(', ')}`)];
}

/** Each long suite is that of as many commits as any other. `key`: hexadecimal. */
export function suiteOf(key: string): SuiteName {
  const name = longSuites[Number.parseInt(key.slice(0, 8), 16) % longSuites.length];
  if (name === undefined) throw new Error(`${JSON.stringify(key)} is not hexadecimal`);
  return name;
}

function seedOf(name: SuiteName, { commit, day }: Circumstances): number {
  if (suites[name].seed === 'fresh') return randomInt(1, seedLimit);
  return 1 + (Number.parseInt(digest(`${day} ${commit}`).slice(0, 8), 16) % (seedLimit - 1));
}

function known(text: string): SuiteName {
  const name = suiteNames.find((candidate) => candidate === text);
  if (name === undefined)
    throw new Error(`there is no suite ${JSON.stringify(text)}; there are ${suiteNames.join(', ')}`);
  return name;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`--seed ${JSON.stringify(text)} is not a whole number from 1 to 999999999`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
