/**
 * chaos: the real system with real VMs under a load of short tasks, while its services, its machines and its broker are
 * killed, stopped and restarted. What is asked for and what goes wrong follow from the seed; what is promised is checked
 * from outside: from the answers to requests, from the streams, from the machines' consoles and from the host.
 *
 * | file | role |
 * |---|---|
 * | `run-chaos.ts` | one run: load and storm, calm, report |
 * | `own-system.ts` | `./vm-task up` on a home of its own |
 * | `planned-task.ts`, `planned-pipeline.ts`, `expected-output.ts` | the load: tasks whose every byte is known before, some of them stages |
 * | `submitter.ts` | requests and commands, and the record of what was accepted |
 * | `disturbance.ts`, `disturber.ts`, `pick-weighted.ts` | the storm: as the seed has it, and as it is done |
 * | `watch-streams.ts`, `watch-consoles.ts` | what the broker has, and what the machines have said |
 * | `own-processes.ts`, `host-scan.ts` | the host, looked at by ourselves |
 * | `evidence.ts`, `check-*.ts` | what is known in the end, and whether every promise was kept |
 * | `recovery.ts`, `report.ts` | how long it took, and all of it in lines |
 */
import { parseArgs } from 'node:util';
import { reportLines } from './report.ts';
import { runChaos } from './run-chaos.ts';

const help = `npm run chaos -- [--minutes N] [--seed N] [--json]

  --minutes   how long the storm lasts; the calm after it takes a minute or two (default 10)
  --seed      the same seed asks for the same and disturbs the same (default: by chance)
  --json      the report as JSON on standard output

Progress and what was done go to standard error. Exit codes: 0, 1 when a promise was
broken, 130 when it was interrupted: then, too, nothing of it is left.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());

if (values.help) process.stdout.write(help);
else process.exitCode = await run();

async function run(): Promise<number> {
  const seed = numberIn(values.seed ?? String(Date.now() % 1_000_000));
  const tell = (line: string) => void process.stderr.write(`${line}\n`);
  tell(`seed ${seed}`);
  try {
    const report = await runChaos({ seed, minutes: numberIn(values.minutes), tell, signal: interrupted.signal });
    process.stdout.write(
      values.json ? `${JSON.stringify(report, null, 2)}\n` : `\n${reportLines(report).join('\n')}\n`,
    );
    return report.broken.length === 0 ? 0 : 1;
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    tell('interrupted; nothing is left running');
    return 130;
  }
}

function numberIn(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number > 0) return number;
  throw new Error(`${JSON.stringify(text)} is not a number above 0; see --help`);
}
