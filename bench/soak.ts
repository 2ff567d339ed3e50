/**
 * What takes long: does anything grow? Three parts, each against stated bounds; exit code 1 when one is not kept.
 *
 * - `cycles`: a VM made, used and removed, hundreds of times: processes, open files, ports, memory, disk stay as they are
 * - `output`: 10 GiB of output, and one line of 1 GiB: nobody keeps it in memory, it is cut, the exit code is right
 * - `queue`: 10,000 tasks wait at once, without VMs: memory stays bounded, and all of them end
 */
import { parseArgs } from 'node:util';
import { isMet, printTable, printTargets, writeResults } from './src/report.ts';
import { soakCycles } from './src/soak/cycles.ts';
import { soakOutput } from './src/soak/output.ts';
import type { Part, Watch } from './src/soak/part.ts';
import { soakQueue } from './src/soak/queue.ts';

const help = `npm run soak -- [--only cycles|output|queue] [--cycles N] [--gib N] [--tasks N] [--json]

  --only     one part instead of all three
  --cycles   VMs made and removed (default 500)
  --gib      output of one task, in GiB (default 10)
  --tasks    tasks that wait at once (default 10000)
  --json     the figures as JSON on standard output

Progress goes to standard error. Exit codes: 0, 1 when a bound was not kept, 130 when
it was interrupted: then, too, nothing of it is left.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    cycles: { type: 'string', default: '500' },
    gib: { type: 'string', default: '10' },
    tasks: { type: 'string', default: '10000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());
const tell = (line: string) => void process.stderr.write(`${line}\n`);
const watch: Watch = { tell, signal: interrupted.signal };
const all: Readonly<Record<string, () => Promise<Part>>> = {
  cycles: () => soakCycles(wholeNumber(values.cycles), watch),
  output: () => soakOutput(wholeNumber(values.gib), watch),
  queue: () => soakQueue(wholeNumber(values.tasks), watch),
};

if (values.help) process.stdout.write(help);
else process.exitCode = await exitCodeOf(soak(values.only === undefined ? Object.keys(all) : [values.only]));

async function exitCodeOf(soaking: Promise<boolean>): Promise<number> {
  try {
    return (await soaking) ? 0 : 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    tell('interrupted; nothing is left running');
    return 130;
  }
}

/** True when every bound was kept. */
async function soak(names: readonly string[]): Promise<boolean> {
  const parts: Part[] = [];
  for (const name of names) {
    const part = all[name];
    if (part === undefined) throw new Error(`there is no part ${JSON.stringify(name)}; see --help`);
    tell(`${name}:`);
    parts.push(await part());
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ parts }, null, 2)}\n`);
  else parts.forEach(print);
  if (!values.json) writeResults('soak', { parts });
  return parts.every(({ targets }) => targets.every(isMet));
}

function print({ title, header, rows, targets }: Part): void {
  printTable(title, header, rows);
  printTargets(targets);
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`${JSON.stringify(text)} is not a whole number above 0; see --help`);
}
