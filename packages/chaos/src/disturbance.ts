/** What goes wrong, as the seed has it: the moment, the kind, and which of those that are there then. */
import { type ServiceName, services } from '@vm-task/shared/roles';
import type { Random } from '@vm-task/simulation/random';
import { pickWeighted } from './pick-weighted.ts';

export type Target = ServiceName | 'nats-server' | 'machine' | 'everything';

export interface Disturbance {
  readonly afterMs: number;
  readonly target: Target;
  /** `kill` is SIGKILL, `restart` SIGTERM, `stop` SIGSTOP and SIGCONT after `lastsMs`. */
  readonly act: 'kill' | 'restart' | 'stop';
  readonly lastsMs: number;
  /** 0 or more, below 1: which one of several. */
  readonly which: number;
}

interface Kind {
  readonly weight: number;
  readonly plan: (random: Random) => Pick<Disturbance, 'target' | 'act' | 'lastsMs'>;
}

const kinds: readonly Kind[] = [
  { weight: 4, plan: (random) => ({ target: random.pick(services), act: 'kill', lastsMs: 0 }) },
  // Some outlast the time after which a message goes to somebody else.
  { weight: 4, plan: (random) => ({ target: random.pick(services), act: 'stop', lastsMs: random.whole(500, 25_000) }) },
  { weight: 2, plan: (random) => ({ target: random.pick(services), act: 'restart', lastsMs: 0 }) },
  { weight: 3, plan: () => ({ target: 'machine', act: 'kill', lastsMs: 0 }) },
  { weight: 2, plan: (random) => ({ target: 'machine', act: 'stop', lastsMs: random.whole(500, 20_000) }) },
  { weight: 1, plan: () => ({ target: 'nats-server', act: 'kill', lastsMs: 0 }) },
  { weight: 1, plan: () => ({ target: 'nats-server', act: 'restart', lastsMs: 0 }) },
  { weight: 1, plan: (random) => ({ target: 'nats-server', act: 'stop', lastsMs: random.whole(500, 20_000) }) },
  { weight: 0.5, plan: () => ({ target: 'everything', act: 'kill', lastsMs: 0 }) },
];

/** Often enough to meet most tasks, seldom enough that some work is done in between. */
const shortestPauseMs = 2_000;
const longestPauseMs = 8_000;

/** The next one of this storm: the same source gives the same storm. */
export function planDisturbance(random: Random): Disturbance {
  const afterMs = random.whole(shortestPauseMs, longestPauseMs);
  const kind = pickWeighted(random, kinds);
  return { afterMs, ...kind.plan(random), which: random.next() };
}
