/**
 * `vm-task`, the command line.
 *
 * | place | role |
 * |---|---|
 * | `program.ts`, `program/`, `read-options.ts` | every command and its options |
 * | `commands/` | what each command does |
 * | `input.ts`, `task-source.ts`, `pipeline-source.ts`, `words.ts` | files, standard input and options as what is submitted |
 * | `file-store.ts`, `checked-bytes.ts` | files that are fetched |
 * | `systems/` | which system a command speaks to: a home of this machine, or another one over HTTPS |
 * | `doctor/` | what `doctor` looks at, one file for each check |
 * | `screen/`, `exit-codes.ts` | progress, tables, text made safe for a terminal; how a command ends |
 */
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import { forbidOthersToWrite } from '@vm-task/shared/process-start';
import { CommanderError } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { watchOutput } from './screen/output-failure.ts';
import { plainLine } from './screen/plain-text.ts';
import { note, printJson } from './screen/print.ts';
import { wordsProblem } from './words.ts';

const argv = process.argv;
forbidOthersToWrite();
const failedCode = beforeDashes(argv)[2] === 'run' ? exitCodes.notRun : exitCodes.failed;
const { stdout, stderr } = process;
const output = watchOutput({ stdout, stderr, exit: process.exit, failedCode });

const exitCode = await run().catch(report);
process.exitCode = output.exitCode() ?? exitCode;

async function run(): Promise<number> {
  const problem = wordsProblem(argv);
  if (problem !== null) throw new VmTaskError('invalid-request', problem);
  return createProgram().execute(argv);
}

/** The error as one sentence, or as JSON where that was asked for; returns the exit code. */
function report(error: unknown): number {
  // Commander has printed its own message already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
  const info = errorInfo(error);
  if (beforeDashes(argv).includes('--json')) printJson({ error: info });
  else note(`${plainLine(info.message)} (${info.code})`);
  return failedCode;
}

function beforeDashes(words: readonly string[]): readonly string[] {
  const dashes = words.indexOf('--');
  return dashes === -1 ? words : words.slice(0, dashes);
}
