/**
 * One supervised child: started, watched, started again with growing pauses when it ends by itself, stopped on
 * request. Its stderr goes to a log file with a limit; the line `ready` on its stdout says that it works.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { backOffMs } from '@vm-task/shared/back-off';
import { type ChildLog, openChildLog } from './child-log.ts';
import { blockedReason, watchChild } from './watchdog.ts';

export interface ChildDefinition {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** How readiness shows: a line `ready` on stdout, or an answer of this probe. */
  readonly ready: 'line' | ((signal: AbortSignal) => Promise<void>);
  /** Called before each start. Where it throws there is no start: that is how the child ended, and it is tried again later. */
  readonly before?: () => Promise<void>;
  /** The child says by its IPC channel that its event loop turns, and is replaced when it no longer does. */
  readonly watchdog?: boolean;
}

export interface SuperviseOptions {
  readonly stop: AbortSignal;
  readonly graceMs: number;
  /** Called at every change. */
  readonly report: (report: ChildReport) => void;
  /** Called with the reason when a child that does not work any more is killed. */
  readonly onBlocked?: (why: string) => void;
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

/** Keeps the child running until `stop`; resolves when it is gone. */
export async function superviseChild(definition: ChildDefinition, options: SuperviseOptions): Promise<void> {
  let restarts = 0;
  let failures = 0;
  let lastExit: string | null = null;
  while (!options.stop.aborted) {
    const startedAt = performance.now();
    const refusal = await refusalOf(definition);
    lastExit = refusal ?? (await runOnce(definition, options, { restarts, lastExit }));
    if (options.stop.aborted) break;
    failures = performance.now() - startedAt > settledAfterMs ? 1 : failures + 1;
    options.report({ state: 'waiting', pid: null, restarts, lastExit });
    await delay(backOffMs(pauses, failures), undefined, { signal: options.stop }).catch(() => undefined);
    restarts += 1;
  }
  options.report({ state: 'stopped', pid: null, restarts, lastExit });
}

async function refusalOf({ before }: ChildDefinition): Promise<string | null> {
  try {
    await before?.();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** How it ended. */
async function runOnce(
  definition: ChildDefinition,
  options: SuperviseOptions,
  past: Pick<ChildReport, 'restarts' | 'lastExit'>,
): Promise<string> {
  const log = openChildLog(definition.logFile);
  const child = startChild(definition, log);
  const report = (state: ChildState) => options.report({ state, pid: child.pid ?? null, ...past });
  report('starting');
  void whenReady(definition, child, options.stop).then(
    () => report('ready'),
    () => undefined,
  );
  const lastExit = await runUntilGone(child, options, definition.watchdog === true);
  await log.stored();
  return lastExit;
}

function startChild({ command, args, watchdog }: ChildDefinition, log: ChildLog): ChildProcess {
  try {
    // Its own process group: a Ctrl-C on the terminal reaches only the supervisor, which then stops in order.
    return spawn(command, [...args], {
      stdio: ['ignore', 'pipe', log.input, ...(watchdog === true ? (['ipc'] as const) : [])],
      detached: true,
    });
  } finally {
    log.handedOver();
  }
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

/** How the child ended, once it has. After `stop` it is asked to, and made to after the grace; a blocked one is killed. */
async function runUntilGone(child: ChildProcess, options: SuperviseOptions, watched: boolean): Promise<string> {
  const { stop, graceMs } = options;
  let blocked: string | null = null;
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
  if (watched) {
    watchChild(child, () => {
      blocked = blockedReason;
      options.onBlocked?.(blockedReason);
      child.kill('SIGKILL');
    });
  }
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  try {
    const how = await gone;
    return blocked ?? how;
  } finally {
    stop.removeEventListener('abort', end);
  }
}
