/** The tasks of the load: each is short, and what it prints and how it may end is known before it is submitted. */
import { createHash } from 'node:crypto';
import type { Random } from '@vm-task/simulation/random';
import { type ExpectedOutput, expectedOutput, maxNumbers, numbers, startLine } from './expected-output.ts';
import { pickWeighted } from './pick-weighted.ts';

export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'timed_out';

export interface PlannedTask {
  readonly number: number;
  readonly kind: string;
  /** The task file. */
  readonly file: object;
  readonly via: 'http' | 'http twice' | 'command' | 'stage';
  /** After its acceptance; null: it is left alone. */
  readonly cancel: { readonly afterMs: number; readonly via: 'http' | 'command' } | null;
  /** How it ends when nobody cancels it and its VM lives. */
  readonly outcome: Outcome;
  readonly exitCode: number | null;
  /** What each stream of an attempt has, whole; an attempt that was cut short has the beginning of it. */
  readonly output: Readonly<Record<'setup' | 'stdout' | 'stderr', ExpectedOutput>>;
  /** What each attempt starts, in this order. */
  readonly steps: readonly string[];
  readonly maxAttempts: number;
  /** True when the loss of a VM is followed by another attempt, whatever the phase. */
  readonly survivesLoss: boolean;
  readonly artifact: { readonly path: string; readonly sha256: string } | null;
}

interface Kind {
  readonly name: string;
  readonly weight: number;
  readonly plan: (random: Random) => Sketch;
}

interface Sketch {
  readonly script: string;
  /** Of each setup step: a script, and what it prints. */
  readonly setup?: readonly { readonly script: string; readonly prints: string }[];
  readonly stdout: string;
  readonly stderr?: string;
  readonly outcome?: Outcome;
  readonly exitCode?: number;
  readonly more?: object;
  readonly cancelAfterMs?: number;
  readonly retriesFailure?: boolean;
  readonly artifact?: { readonly path: string; readonly content: string };
}

const seq = (last: number) => `seq 1 ${last}`;
/** A number every tenth of a second. */
const count = (to: string) => `i=0; while [ $i -lt ${to} ]; do i=$((i + 1)); echo $i; sleep 0.1; done`;

const kinds: readonly Kind[] = [
  {
    name: 'plain',
    weight: 5,
    plan: (random) => {
      const last = random.whole(1, 500);
      return { script: `${seq(last)}; ${seq(10)} >&2`, stdout: numbers(last), stderr: numbers(10) };
    },
  },
  {
    name: 'slow',
    weight: 5,
    plan: (random) => {
      const last = random.whole(10, 80);
      return { script: count(String(last)), stdout: numbers(last) };
    },
  },
  {
    name: 'with setup',
    weight: 4,
    plan: (random) => {
      const [first, second, last] = [random.whole(1, 100), random.whole(5, 20), random.whole(1, 1_000)];
      const setup = [
        { script: seq(first), prints: numbers(first) },
        { script: count(String(second)), prints: numbers(second) },
      ];
      return { setup, script: `${seq(last)}`, stdout: numbers(last) };
    },
  },
  {
    name: 'failing',
    weight: 2,
    plan: () => ({ script: `${seq(20)}; exit 3`, stdout: numbers(20), outcome: 'failed', exitCode: 3 }),
  },
  {
    name: 'failing, retried',
    weight: 2,
    plan: () => ({
      script: `${seq(20)}; exit 3`,
      stdout: numbers(20),
      outcome: 'failed',
      exitCode: 3,
      retriesFailure: true,
    }),
  },
  {
    name: 'timing out',
    weight: 2,
    plan: () => ({
      script: `${seq(3)}; sleep 600`,
      stdout: numbers(3),
      outcome: 'timed_out',
      more: { timeouts: { run: '3s' } },
    }),
  },
  {
    name: 'flood',
    weight: 2,
    plan: (random) => {
      const last = random.whole(100_000, maxNumbers);
      return { script: `${seq(last)}; ${seq(1_000)} >&2`, stdout: numbers(last), stderr: numbers(1_000) };
    },
  },
  {
    name: 'cut',
    weight: 1,
    plan: () => ({ script: seq(100_000), stdout: numbers(100_000), more: { output: { maxBytes: 65_536 } } }),
  },
  {
    name: 'with an artifact',
    weight: 2,
    plan: (random) => {
      const last = random.whole(1, 20_000);
      const artifact = { path: 'numbers.txt', content: numbers(last) };
      return {
        script: `${seq(last)} > numbers.txt; echo 1`,
        stdout: numbers(1),
        artifact,
        more: { artifacts: ['numbers.txt'] },
      };
    },
  },
  {
    name: 'deaf',
    weight: 1,
    plan: (random) => ({
      script: `trap '' TERM; ${count('400')}`,
      stdout: numbers(400),
      cancelAfterMs: random.whole(500, 6_000),
    }),
  },
];

/** One cancelled task in eight, at any moment of its life. */
const cancelChance = 1 / 8;
const cancelWithinMs = 12_000;
/** The others end with the machine that they have. */
const survivalChance = 0.8;
/** VMs are killed often: nearly every task that may survive that does. */
const manyAttempts = 10;

/** The next task of this load: the same source gives the same tasks. */
export function planTask(random: Random, number: number): PlannedTask {
  const kind = pickWeighted(random, kinds);
  const sketch = kind.plan(random);
  const { outcome = 'succeeded', setup = [], artifact = null } = sketch;
  const retry = planRetry(random, sketch);
  return {
    number,
    kind: kind.name,
    via: random.pick(['http', 'http', 'http twice', 'command'] as const),
    cancel: planCancel(random, sketch),
    file: fileOf(number, sketch, retry),
    outcome,
    exitCode: outcome === 'timed_out' ? null : (sketch.exitCode ?? 0),
    output: {
      setup: setupOutput(setup),
      stdout: expectedOutput([startLine(), { text: sketch.stdout }]),
      stderr: expectedOutput([{ text: sketch.stderr ?? '' }]),
    },
    steps: [...setup.map((_, n) => `setup-${n + 1}`), 'main'],
    maxAttempts: retry.maxAttempts,
    survivesLoss: retry.on.includes('run'),
    artifact: artifact === null ? null : { path: artifact.path, sha256: sha256(artifact.content) },
  };
}

interface Retry {
  readonly maxAttempts: number;
  readonly backoff: string;
  readonly on: readonly string[];
}

/** A failure of its own is one of its run as well: who is to fail once only has no other attempt for a lost VM there. */
function planRetry(random: Random, { outcome, retriesFailure }: Sketch): Retry {
  const survives = random.chance(survivalChance);
  if (retriesFailure === true) return { maxAttempts: 2, backoff: '500ms', on: ['vm', 'setup', 'run'] };
  const on = survives && outcome !== 'failed' ? ['vm', 'setup', 'run'] : ['vm'];
  return { maxAttempts: manyAttempts, backoff: '500ms', on };
}

function planCancel(random: Random, { cancelAfterMs }: Sketch): PlannedTask['cancel'] {
  const via = random.pick(['http', 'command'] as const);
  const byChance = random.chance(cancelChance);
  const afterMs = random.whole(0, cancelWithinMs);
  if (cancelAfterMs !== undefined) return { afterMs: cancelAfterMs, via };
  return byChance ? { afterMs, via } : null;
}

function fileOf(number: number, { script, setup = [], more }: Sketch, retry: Retry): object {
  const steps = setup.map((step, n) => ({ run: started(`setup-${n + 1}`, step.script) }));
  return {
    run: started('main', script),
    ...(steps.length === 0 ? {} : { setup: steps }),
    env: { CHAOS_TASK: String(number) },
    retry,
    ...more,
  };
}

/** Reports the start twice: in the output, and on the VM's console, which the host keeps whatever the services do. */
function started(step: string, script: string): string {
  return `nonce=$(cat /proc/sys/kernel/random/uuid)
echo "chaos-start $CHAOS_TASK ${step} $nonce" > /dev/ttyS0
echo "start $nonce"
${script}`;
}

function setupOutput(setup: NonNullable<Sketch['setup']>): ExpectedOutput {
  return expectedOutput(
    setup.flatMap(({ prints }, n) => [
      { text: `# setup ${n + 1} of ${setup.length}: run\n` },
      startLine(),
      { text: prints },
    ]),
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
