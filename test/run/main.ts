/**
 * `npm test`, `npm run quick`, `npm run test:all`: suites of steps, one after another, and what came of them.
 *
 * | file | role |
 * |---|---|
 * | `suites.ts` | the table: every suite and its steps |
 * | `choose.ts` | which suites, with which seeds, and why |
 * | `set-up.ts` | what a suite needs of the machine |
 * | `run-step.ts`, `count.ts` | one step, and how many tests it was |
 * | `own-run.ts` | what belongs to this run, and its end |
 * | `summary.ts` | time against `../budget.json`, what was not run, the sum |
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { againLine, type Chosen, choose, help } from './choose.ts';
import { countProgram } from './count.ts';
import { OwnRun } from './own-run.ts';
import { runStep } from './run-step.ts';
import { setUp } from './set-up.ts';
import { longSuites, suites } from './suites.ts';
import { type Budget, type StepResult, type SuiteResult, summaryLines } from './summary.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** `setup/environment.sh` has set it. */
const cache = process.env['VM_TASK_CACHE'] ?? '';
const say = (...lines: readonly string[]) => void process.stdout.write(`${lines.join('\n')}\n`);

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Interruption = keyof typeof exitCodes;

process.chdir(root);
await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return say(help);
  const chosen = chooseOrExplain(args);
  if (chosen === null) return;
  const stop = new AbortController();
  for (const name of Object.keys(exitCodes) as Interruption[]) process.on(name, () => stop.abort(name));
  for (const { name } of chosen) {
    if (!(await setUp(root, name, stop.signal))) {
      process.exitCode = stop.signal.aborted ? exitCodes[stop.signal.reason as Interruption] : 1;
      return;
    }
  }
  const run = await OwnRun.begin(cache);
  const results = await Promise.race([interruption(stop.signal), runSuites(chosen, run, stop.signal)]);
  process.exitCode = Array.isArray(results) ? await conclude(results, run) : await giveUp(results, run);
}

function chooseOrExplain(args: readonly string[]): readonly Chosen[] | null {
  try {
    const chosen = choose(args, { commit: commitHere(), day: new Date().toISOString().slice(0, 10) });
    for (const { name, seed, why } of chosen) {
      say(`suite ${name} (${why}), seed ${seed}; again: ${againLine(name, seed)}`);
    }
    return chosen;
  } catch (error) {
    say((error as Error).message, '', help);
    process.exitCode = 2;
    return null;
  }
}

/** Whoever tests may be another user than who owns the checkout. */
function commitHere(): string | null {
  const { status, stdout } = spawnSync('git', ['-c', 'safe.directory=*', 'rev-parse', 'HEAD'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

async function runSuites(chosen: readonly Chosen[], run: OwnRun, stop: AbortSignal): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const { name, seed } of chosen) {
    const steps: StepResult[] = [];
    for (const step of suites[name].steps) {
      if (!stop.aborted) steps.push(await runStep(step, { run, seed, env: environment() }));
    }
    results.push({ name, seed, steps });
  }
  return results;
}

/** What the tools keep for themselves goes to the cache, not to ~/.cache and ~/.local. */
function environment(): NodeJS.ProcessEnv {
  const own = join(cache, 'checks');
  const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`;
  return { ...process.env, PATH: path, XDG_CACHE_HOME: own, XDG_DATA_HOME: own };
}

function interruption(stop: AbortSignal): Promise<Interruption> {
  return new Promise((resolve) => {
    const tell = () => resolve(stop.reason as Interruption);
    if (stop.aborted) tell();
    else stop.addEventListener('abort', tell);
  });
}

async function giveUp(by: Interruption, run: OwnRun): Promise<number> {
  await run.end({ keep: false });
  say('', `interrupted by ${by}; nothing of it is left`);
  return exitCodes[by];
}

/** That nothing is left is one test more. */
async function conclude(results: readonly SuiteResult[], run: OwnRun): Promise<number> {
  const hasFailed = results.some(({ steps }) => steps.some(({ count }) => count.failed.length > 0));
  const left = await run.end({ keep: hasFailed });
  if (left.length > 0) say('', 'left behind by the tests:', ...left.map((what) => `  ${what}`));
  const count = countProgram('nothing-left', left.length === 0 ? 0 : 1);
  const clean: StepResult = { name: 'nothing-left', seconds: 0, count };
  const all = results.map((suite, index) =>
    index === results.length - 1 ? { ...suite, steps: [...suite.steps, clean] } : suite,
  );
  const hasCore = results.some(({ name }) => name === 'core');
  const notChosen = hasCore ? longSuites.filter((name) => !results.some((result) => result.name === name)) : [];
  const budget = JSON.parse(readFileSync(join(root, 'test/budget.json'), 'utf8')) as Budget;
  say(...summaryLines(all, notChosen, budget));
  return all.some(({ steps }) => steps.some(({ count }) => count.failed.length > 0)) ? 1 : 0;
}
