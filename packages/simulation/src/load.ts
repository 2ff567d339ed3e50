/** What people do: submit tasks and pipelines by HTTP or as commands, and cancel some, whenever chance says so. */
import { programText } from './guest.ts';
import type { Random } from './random.ts';

export interface Planned {
  readonly what: 'task' | 'pipeline';
  readonly atMs: number;
  readonly how: 'http' | 'command';
  readonly file: object;
  /** After its submission, or never. */
  readonly cancelAfterMs: number | null;
}

const seconds = 1_000;

/** Everything of one seed, decided before it begins. */
export function planTasks(random: Random, untilMs: number): readonly Planned[] {
  return Array.from({ length: random.whole(2, 9) }, () => ({
    what: 'task',
    atMs: random.between(2 * seconds, untilMs),
    how: random.chance(0.5) ? 'http' : 'command',
    file: taskFile(random),
    cancelAfterMs: random.chance(0.3) ? random.between(0, 20 * seconds) : null,
  }));
}

/** In so many seeds there are any. */
const withPipelines = 0.25;

export function planPipelines(random: Random, untilMs: number): readonly Planned[] {
  if (!random.chance(withPipelines)) return [];
  return Array.from({ length: random.whole(1, 2) }, () => ({
    what: 'pipeline',
    atMs: random.between(2 * seconds, untilMs / 2),
    how: random.chance(0.5) ? 'http' : 'command',
    file: { pipeline: pipelineFile(random), parameters: { items: [3, 1, 2].slice(0, random.whole(1, 3)) } },
    cancelAfterMs: random.chance(0.3) ? random.between(0, 30 * seconds) : null,
  }));
}

/** A small graph of each kind that there is: a chain, a fan out and in, a stage that fails and what is for that, a clean-up. */
function pipelineFile(random: Random): object {
  const stage = (more: object = {}) => ({ ...taskFile(random), ...more });
  const chain = { first: stage(), second: stage({ needs: ['first'] }) };
  const fan = {
    first: stage(),
    each: stage({ needs: ['first'], forEach: expression('params.items'), inputs: { item: expression('item') } }),
    last: stage({ needs: ['each'] }),
  };
  const fails = {
    first: stage({ command: programText({ bytes: 10, ms: whole(random, 5 * seconds), exitCode: 1 }).split(' ') }),
    other: stage(),
    never: stage({ needs: ['first'] }),
    rescue: stage({ needs: ['first'], onFailure: true }),
  };
  const cleans = {
    first: stage(),
    second: stage({ needs: ['first'] }),
    clean: stage({ needs: ['second'], always: true }),
    more: stage({ needs: ['clean'] }),
  };
  const failure = random.chance(0.5) ? 'stop' : 'continue';
  return { failure, parameters: { items: { type: 'list' } }, stages: random.pick([chain, fan, fails, cleans]) };
}

const expression = (text: string) => `\${{ ${text} }}`;

function taskFile(random: Random): object {
  const exitCode = random.chance(0.8) ? 0 : random.whole(1, 3);
  const main = programText({ bytes: random.whole(0, 600), ms: whole(random, 20 * seconds), exitCode });
  const setup = Array.from({ length: random.chance(0.5) ? 0 : random.whole(1, 2) }, () => ({
    run: programText({
      bytes: random.whole(0, 100),
      ms: whole(random, 6 * seconds),
      exitCode: random.chance(0.95) ? 0 : 1,
    }),
  }));
  const timeouts = random.chance(0.5) ? generous : shortTimeouts(random);
  const retry = retryPolicy(random);
  const children = random.chance(0.4) ? { children: random.whole(1, 2) } : {};
  return { command: main.split(' '), setup, timeouts, ...children, ...(retry === null ? {} : { retry }) };
}

/** Null: the default, by which only what never began is tried again. */
function retryPolicy(random: Random): object | null {
  if (random.chance(0.3)) return null;
  if (random.chance(0.5)) return { maxAttempts: 1 };
  const on = ['vm', 'setup', 'run'].filter(() => random.chance(0.7));
  return { maxAttempts: random.whole(2, 4), backoff: duration(random, 1, 12), on };
}

/** No faults of ours take so long: whatever ends by these stood still. */
const generous = { queue: '20m', setup: '20m', run: '20m', total: '1h' };

function shortTimeouts(random: Random): object {
  return {
    queue: duration(random, 4, 60),
    setup: duration(random, 3, 40),
    run: duration(random, 5, 60),
    total: duration(random, 30, 120),
  };
}

/** Short ones as often as long ones. */
function whole(random: Random, maxMs: number): number {
  return Math.floor(maxMs * random.next() ** 2);
}

function duration(random: Random, fromSeconds: number, toSeconds: number): string {
  return `${random.whole(fromSeconds, toSeconds)}s`;
}
