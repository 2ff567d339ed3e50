/** `vm-task doctor`: what is amiss, and what sets it right. `--prove` runs a task through the real system, too. */
import { styleText } from 'node:util';
import { ensureUp } from '@vm-task/embedded/detach';
import type { Environment } from '@vm-task/shared/environment';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { proveByTask } from '../doctor/canary.ts';
import { type Finding, fail, type Status } from '../doctor/check.ts';
import { checksFor } from '../doctor/checks.ts';
import { openContext } from '../doctor/context.ts';
import { type Checked, runChecks } from '../doctor/run-checks.ts';
import { exitCodes } from '../exit-codes.ts';
import { plainLine } from '../screen/plain-text.ts';
import { print, printJson } from '../screen/print.ts';
import { type Progress, startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';

interface DoctorOptions {
  readonly environment: Environment;
  readonly json: boolean;
  readonly prove: boolean;
}

/** Exits with 1 when a check fails. */
export async function doctor({ environment, json, prove }: DoctorOptions): Promise<number> {
  using progress = startProgress({ quiet: json });
  // Where it cannot be started, the checks tell more than that does.
  const notStarted = prove ? await start(environment.home, progress) : null;
  const found = await checkAll(environment, progress);
  if (notStarted !== null) found.push({ name: 'canary', ...notStarted });
  else if (prove) found.push(...(await proveByTask(environment, progress)));
  progress.clear();
  if (json) printJson({ checks: found });
  else printChecks(found);
  return found.some(({ status }) => status === 'fail') ? exitCodes.failed : 0;
}

async function start(home: Home, progress: Progress): Promise<Finding | null> {
  return await ensureUp(home, (what) => progress.update(startNote(what))).then(
    () => null,
    (error) => fail(errorInfo(error).message, `the logs in ${home.logs} say more`),
  );
}

async function checkAll(environment: Environment, progress: Progress): Promise<Checked[]> {
  await using context = openContext(environment);
  const checks = checksFor(context.drivers);
  const left = new Set(checks.map(({ name }) => name));
  const tell = () => progress.update(`checking ${[...left].join(', ')}`);
  tell();
  return await runChecks(checks, context, (name) => {
    left.delete(name);
    tell();
  });
}

const colours = { pass: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Status, string>;

/** A line for each; what sets a thing right stands under it. */
function printChecks(found: readonly Checked[]): void {
  const width = Math.max(...found.map(({ name }) => name.length));
  for (const { name, status, detail, fix } of found) {
    print(
      `${styleText(colours[status], status, { stream: process.stdout })}  ${name.padEnd(width)}  ${plainLine(detail)}`,
    );
    if (fix !== null) print(`${' '.repeat(width + 8)}fix: ${plainLine(fix)}`);
  }
  const count = (wanted: Status) => found.filter(({ status }) => status === wanted).length;
  print(`\n${count('pass')} pass, ${count('warn')} warn, ${count('fail')} fail`);
}
