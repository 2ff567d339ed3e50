/**
 * One supervised child: started, watched, started again with growing pauses when it ends by itself, stopped on
 * request. Its stderr goes to a log file; the line `ready` on its stdout says that it works.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { backOffMs } from '@vm-task/shared/back-off';

export interface ChildDefinition {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** How readiness shows: a line `ready` on stdout, or an answer of this probe. */
  readonly ready: 'line' | ((signal: AbortSignal) => Promise<void>);
}

export type ChildState = 'starting' | 'ready' | 'waiting' | 'stopped';

export interface ChildReport {
  readonly state: ChildState;
  readonly pid: number | null;
  readonly restarts: number;
  /** How it ended last, for people; null when it never did. */
  readonly lastExit: string | null;
}

const pauses = { firstMs: 250, longestMs: 30_000 };
/** A child that lived so long does not end by its own start: it is started again at once. */
const settledAfterMs = 10_000;
/** A log larger than this begins anew at the next start; the one before is kept. */
const logMaxBytes = 32 * 1024 * 1024;

/** Keeps the child running until `stop`; resolves when it is gone. `report` is called at every change. */
export async function superviseChild(
  definition: ChildDefinition,
  options: { readonly stop: AbortSignal; readonly graceMs: number; readonly report: (report: ChildReport) => void },
): Promise<void> {
  let restarts = 0;
  let failures = 0;
  let lastExit: string | null = null;
  while (!options.stop.aborted) {
    const startedAt = performance.now();
    const child = startChild(definition);
    const report = (state: ChildState) => options.report({ state, pid: child.pid ?? null, restarts, lastExit });
    report('starting');
    void whenReady(definition, child, options.stop).then(
      () => report('ready'),
      () => undefined,
    );
    lastExit = await runUntilGone(child, options.stop, options.graceMs);
    if (options.stop.aborted) break;
    failures = performance.now() - startedAt > settledAfterMs ? 1 : failures + 1;
    options.report({ state: 'waiting', pid: null, restarts, lastExit });
    await delay(backOffMs(pauses, failures), undefined, { signal: options.stop }).catch(() => undefined);
    restarts += 1;
  }
  options.report({ state: 'stopped', pid: null, restarts, lastExit });
}

function startChild(definition: ChildDefinition): ChildProcess {
  rotate(definition.logFile);
  const log = openSync(definition.logFile, 'a', 0o600);
  try {
    // Its own process group: a Ctrl-C on the terminal reaches only the supervisor, which then stops in order.
    return spawn(definition.command, [...definition.args], { stdio: ['ignore', 'pipe', log], detached: true });
  } finally {
    closeSync(log);
  }
}

function rotate(logFile: string): void {
  const bytes = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > logMaxBytes) renameSync(logFile, `${logFile}.1`);
}

async function whenReady(definition: ChildDefinition, child: ChildProcess, stop: AbortSignal): Promise<void> {
  if (definition.ready !== 'line') {
    const ended = new AbortController();
    child.once('exit', () => ended.abort());
    return definition.ready(AbortSignal.any([stop, ended.signal]));
  }
  if (child.stdout === null) return;
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return;
  throw new Error(`${definition.name} ended before it was ready`);
}

/** How the child ended, once it has. After `stop` it is asked to, and made to after the grace. */
async function runUntilGone(child: ChildProcess, stop: AbortSignal, graceMs: number): Promise<string> {
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `killed by ${signal}`));
  });
  const end = () => {
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    void gone.then(() => clearTimeout(force));
  };
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  try {
    return await gone;
  } finally {
    stop.removeEventListener('abort', end);
  }
}
