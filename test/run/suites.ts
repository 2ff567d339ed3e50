/**
 * What there is to run. `quick` and `core` are for everybody; each of the others takes many minutes, so `npm test` has
 * one of them beside `core`, chosen by the commit. A new suite is one more entry here, and its lines in `budget.json`.
 */

/** One line of the summary. */
export interface Step {
  readonly name: string;
  /** What is started, from the root of the repository. Its exit code is not 0 when something is wrong. */
  command(seed: number): readonly string[];
  /** How many tests it is: one, or as many as vitest reports for its project. */
  readonly counts: 'one' | 'tests';
}

export interface Suite {
  readonly about: string;
  readonly steps: readonly Step[];
  /** `daily`: the same for a commit all day long, so that a second run sees what the first one saw. `fresh`: by chance. */
  readonly seed: 'daily' | 'fresh';
}

function program(name: string, command: Step['command']): Step {
  return { name, command, counts: 'one' };
}

/** A project of `vitest.config.ts`. */
function project(name: string): Step {
  return { name, command: () => ['vitest', 'run', '--project', name], counts: 'tests' };
}

/** As `npm run simulate` and so on have them. */
const node = ['./setup/with-node.sh', '--disable-warning=ExperimentalWarning'];

function simulation(seeds: number): Step['command'] {
  return (seed) => [...node, 'packages/simulation/src/main.ts', '--seeds', `${seeds}`, '--from', `${seed}`];
}

function crashPoints(...options: readonly string[]): Step['command'] {
  return (seed) => [...node, 'packages/crash-points/src/main.ts', ...options, '--seed', `${seed}`];
}

function storm(minutes: number): Step['command'] {
  return (seed) => [...node, 'packages/chaos/src/main.ts', '--minutes', `${minutes}`, '--seed', `${seed}`];
}

const lint = program('lint', () => ['biome', 'ci', '.']);
const types = program('types', () => ['tsc', '--noEmit']);
const browserTypes = program('browser-types', () => ['tsc', '--noEmit', '--project', 'tsconfig.browser.json']);
const unit = project('unit');

const table = {
  quick: {
    about: 'format, lint, types, unit tests, the quick ones with real servers, some seeds of the simulation',
    steps: [lint, types, browserTypes, unit, project('quick-int'), program('quick-simulation', simulation(250))],
    seed: 'daily',
  },
  core: {
    about: 'everything that is promised, once',
    steps: [
      lint,
      types,
      browserTypes,
      unit,
      program('simulation', simulation(2_000)),
      project('int'),
      program('crash-points-sample', crashPoints('--sample', '12')),
      project('e2e'),
    ],
    seed: 'daily',
  },
  chaos: {
    about: 'a storm over the real system with real VMs, and outages that last',
    steps: [program('storm', storm(8)), project('outages')],
    seed: 'fresh',
  },
  'crash-points': {
    about: 'the services killed before and after each of their effects, and at some of them with real VMs',
    steps: [
      program('crash-points-all', crashPoints()),
      program('crash-points-real', crashPoints('--real', '--sample', '40')),
    ],
    seed: 'fresh',
  },
  'old-release': {
    about: 'services of the last release and of a next version replace each other under load',
    steps: [project('old-release')],
    seed: 'fresh',
  },
  images: {
    about: 'images built from nothing, and snapshots made and interrupted',
    steps: [project('images')],
    seed: 'fresh',
  },
} as const satisfies Record<string, Suite>;

export type SuiteName = keyof typeof table;

export const suites: Readonly<Record<SuiteName, Suite>> = table;

export const suiteNames = Object.keys(suites) as readonly SuiteName[];

/** Those of which `npm test` runs one. */
export const longSuites = suiteNames.filter((name) => name !== 'quick' && name !== 'core');
