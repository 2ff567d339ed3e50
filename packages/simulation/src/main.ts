/**
 * simulate: the real bus and the real services in one process, on a clock, a network and machines of chance. What goes
 * wrong follows from the seed alone, so what was found once is found again.
 *
 * | file | role |
 * |---|---|
 * | `run-seed.ts`, `world.ts` | one seed: a storm of load and faults, then calm, in which everything has to end well |
 * | `virtual-time.ts`, `borrowed-machine.ts` | time that passes when nothing is left to do; the services' timers, clocks, randomness |
 * | `broker/` | nats-server and its client, as far as the bus uses them; proved against a real one |
 * | `network.ts` | the way there: lost, late, cut |
 * | `host.ts`, `ledger.ts`, `guest.ts` | processes, VMs and jobs, without machines |
 * | `services.ts`, `intake.ts` | the services, started again whenever they have died |
 * | `faults.ts`, `disturbances.ts`, `load.ts`, `people.ts` | what goes wrong, and what is asked for |
 * | `intruder.ts`, `later-version.ts` | a host that speaks of the tasks of others; a service that nobody understands |
 * | `properties.ts`, `order-kept.ts`, `stored-output.ts`, `deadlines-kept.ts`, `limits-kept.ts`, `pipelines-kept.ts`, `end-state.ts` | I1-I10 and I13: after every step, and at the end |
 * | `sometimes.ts`, `seen-of-tasks.ts`, `not-stored.ts` | what must have happened, or nothing was proved |
 * | `worker.ts`, `simulate.ts` | many seeds, on every processor |
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

const help = `npm run simulate -- [--seeds N] [--from N] [--workers N]   seeds one after the other, from a number on
npm run simulate -- --seed N                              one seed, twice, with everything that happens in it
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
if (values.help) {
  say(help);
} else {
  const [from, seeds] = values.seed === undefined ? [values.from, values.seeds] : [values.seed, '1'];
  const wanted = { from: wholeNumber(from), seeds: wholeNumber(seeds), workers: wholeNumber(values.workers) };
  process.exitCode = (await simulate({ ...wanted, isTold: values.seed !== undefined }, say)) ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${JSON.stringify(text)} is not a whole number; see --help`);
}
