/** One step, to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dyingWithUs } from '@vm-task/testing/processes';
import { countProgram, countReport } from './count.ts';
import type { OwnRun } from './own-run.ts';
import type { Step } from './suites.ts';
import type { StepResult } from './summary.ts';

export interface StepOptions {
  readonly run: OwnRun;
  readonly seed: number;
  /** On top of the run's. */
  readonly env: NodeJS.ProcessEnv;
}

/** It gets a process group of its own, so that a Ctrl-C is ours to handle. */
export async function runStep(step: Step, { run, seed, env }: StepOptions): Promise<StepResult> {
  const report = join(run.temporary, `${step.name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const [program = '', ...args] = [...step.command(seed), ...(step.counts === 'tests' ? reporters : [])];
  process.stdout.write(`\n=== ${step.name}: ${[program, ...args.slice(0, step.command(seed).length - 1)].join(' ')}\n`);
  const began = performance.now();
  const child = spawn(...dyingWithUs(program, ...args), {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    env: { ...env, ...run.environment(seed) },
  });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - began) / 1_000;
  if (step.counts === 'one') return { name: step.name, seconds, count: countProgram(step.name, exitCode) };
  const text = await readFile(report, 'utf8').catch(() => '');
  return { name: step.name, seconds, count: countReport(step.name, text, exitCode) };
}
