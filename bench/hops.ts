/**
 * What the four events of a task cost through the four services, with the VM and SSH replaced by nothing, against the
 * floor in the same run and on the same server: a bare chain of four JetStream publishes (`src/hops/floor.ts`).
 *
 * The services run as they do in earnest, a process and a broker user each (`src/hops/services.ts`), so processes share
 * the processors as they do there. The floor is one process. The clock of a task runs from the request to intake until
 * its `task.completed` has arrived here. Both sides are measured in turns, so that what else goes on hits both.
 */
import { cpuSecondsOf } from '@vm-task/hypervisor/host/process-cpu';
import { services as all } from '@vm-task/shared/roles';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { readArguments } from './src/arguments.ts';
import { type Floor, startFloor } from './src/hops/floor.ts';
import { followEnds } from './src/hops/follow-ends.ts';
import { atLoad, oneAtATime, type RunTask } from './src/hops/measure.ts';
import { startServices } from './src/hops/services.ts';
import { median, type Summary, summarize } from './src/percentiles.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';

const options = readArguments('Measures the four hops of a task through the services, against a bare chain.', {
  rounds: { default: 10, about: 'rounds of tasks one at a time' },
  tasks: { default: 20, about: 'tasks of each side in a round' },
  'load-rounds': { default: 9, about: 'rounds at load' },
  'load-tasks': { default: 1_000, about: 'tasks of each side in a round at load' },
  'warm-up': { default: 10_000, about: 'tasks of each side before anything is measured' },
  'at-once': { default: 128, about: 'tasks in flight at load' },
});

interface Figures {
  readonly one: Summary;
  readonly perSecond: number;
}

await using broker: Broker = await startBroker({ users: all });
await using floor: Floor = await startFloor(broker.connection);
await using services = await startServices(broker, options['at-once']);
await using ends = followEnds(broker);

const runBare: RunTask = () => floor.run();
const runTask: RunTask = async () => ends.of(await services.submit());

// Connections and files get warm, and above all the code: V8 takes thousands of tasks to compile what is used most.
await atLoad(runBare, options['warm-up'], options['at-once']);
await atLoad(runTask, options['warm-up'], options['at-once']);
await ends.settled();

const bare = { one: [] as number[], perSecond: [] as number[] };
const ours = { one: [] as number[], perSecond: [] as number[] };
for (let round = 0; round < options.rounds; round++) {
  bare.one.push(...(await oneAtATime(runBare, options.tasks)));
  ours.one.push(...(await oneAtATime(runTask, options.tasks)));
  await ends.settled();
}
const pids = { ...services.pids, 'nats-server': broker.server.pid, client: process.pid };
/** Processor time of each process so far, in milliseconds. */
const cpuMs = () => Object.values(pids).map((pid) => cpuSecondsOf(pid) * 1_000);
const tasksAtLoad = options['load-rounds'] * options['load-tasks'];
const cpuMsPerTask = Object.keys(pids).map(() => 0);
for (let round = 0; round < options['load-rounds']; round++) {
  bare.perSecond.push(await atLoad(runBare, options['load-tasks'], options['at-once']));
  const before = cpuMs();
  ours.perSecond.push(await atLoad(runTask, options['load-tasks'], options['at-once']));
  await ends.settled();
  for (const [at, after] of cpuMs().entries()) {
    cpuMsPerTask[at] = (cpuMsPerTask[at] ?? 0) + (after - (before[at] ?? 0)) / tasksAtLoad;
  }
}

const figures = (measured: typeof bare): Figures => ({
  one: summarize(measured.one),
  perSecond: median(measured.perSecond),
});
report(figures(bare), figures(ours));

function report(floorFigures: Figures, ourFigures: Figures): void {
  const row = (name: string, { one, perSecond }: Figures) => [name, ms(one.median), ms(one.p95), perSecond.toFixed(0)];
  const ratios = {
    median: ourFigures.one.median / floorFigures.one.median,
    p95: ourFigures.one.p95 / floorFigures.one.p95,
    // Of each round by itself: the machine itself may be slower in one than in another.
    perSecond: median(ours.perSecond.map((figure, round) => figure / (bare.perSecond[round] ?? Number.NaN))),
  };
  printTable(
    'Four hops',
    ['', 'one at a time: median', 'p95', 'tasks per second at load'],
    [
      row('floor: bare chain', floorFigures),
      row('four services', ourFigures),
      ['ratio', ratios.median.toFixed(2), ratios.p95.toFixed(2), ratios.perSecond.toFixed(2)],
    ],
  );
  printTable('Processor time of a task at load', Object.keys(pids), [cpuMsPerTask.map(ms)]);
  const targets: Target[] = [
    { what: 'median, of the floor', value: ratios.median, limit: 4, kind: 'at most' },
    { what: 'tasks per second, of the floor', value: ratios.perSecond, limit: 0.5, kind: 'at least' },
  ];
  printTargets(targets);
  writeResults('hops', { options, floor: floorFigures, services: ourFigures, cpuMsPerTask, ratios, targets });
}
