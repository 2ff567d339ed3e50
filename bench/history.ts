/**
 * A home that keeps many tasks which have ended: what its services take of memory, how long it starts beside an empty
 * one, how fast intake builds its projection anew while it takes tasks, how long it answers, and how long submissions
 * take beside retention. No VM is made: the control side alone is up.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { makeOwnSystem, type OwnSystem } from '@vm-task/chaos/own-system';
import { readStates } from '@vm-task/embedded/state';
import { readArguments } from './src/arguments.ts';
import { privateMemoryOf } from './src/history/private-memory.ts';
import { questionsOf, time } from './src/history/questions.ts';
import { measureReader, measureRebuild } from './src/history/rebuild.ts';
import { startControl } from './src/history/start.ts';
import { eventsPerTask, syncedHow, writeHistory } from './src/history/write-history.ts';
import { type Summary, summarize } from './src/percentiles.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';

const options = readArguments('Measures a home that keeps many tasks which have ended.', {
  tasks: { default: 1_000_000, about: 'tasks that have ended' },
  asks: { default: 200, about: 'times that each question is asked' },
  submissions: { default: 200, about: 'tasks that are submitted beside nothing else' },
});

const pools = { default: { warm: 0, max: 1 }, other: { warm: 0, max: 1 } };
const settings = { http: { port: 0 }, nats: { port: 0 }, defaultPool: 'default', pools };
const MiB = 1024 ** 2;
/** Between two submissions beside retention. */
const pauseMs = 20;

const system = await makeOwnSystem('bench', settings);
try {
  report(await measure(system));
} finally {
  await system.down();
  await system.remove();
}

async function measure(on: OwnSystem) {
  const { home, client } = on;
  const submit = () => client.tasks.submit({ run: 'true' });
  const empty = await startControl(on);
  const memoryWhenEmpty = memoryOfAll();
  await on.down();
  const written = await writeHistory(home, { tasks: options.tasks, pools: Object.keys(pools) });
  rmSync(home.projection, { force: true });
  const full = await startControl(on);
  const rebuild = await measureRebuild(client, pidOf('intake'), submit);
  const reader = await measureReader(home, written.lastSeq);
  const answers: Record<string, Awaited<ReturnType<typeof time>>> = {};
  for (const [about, ask] of Object.entries(questionsOf(client))) answers[about] = await time(ask, options.asks);
  const memory = memoryOfAll();
  await on.down();
  const again = await startControl(on);
  const memoryAgain = memoryOfAll();
  const submitting = await time(submit, options.submissions);
  await on.down();
  // Everything that has ended is old enough now.
  writeFileSync(home.config, JSON.stringify({ ...settings, reaper: { retention: '1s', sweep: '1s' } }));
  await startControl(on);
  const besideRetention = await submitUntil(async () => {
    const all = await client.pools.list();
    return all.pools.every(({ tasks }) => tasks.completed === 0);
  });
  const memories = { memory, memoryWhenEmpty, memoryAgain };
  return { empty, full, again, written, rebuild, reader, answers, ...memories, submitting, besideRetention };
}

/** In milliseconds, of one after the other. */
async function submitUntil(isOver: () => Promise<boolean>): Promise<Summary> {
  const times: number[] = [];
  do {
    const one = await time(() => system.client.tasks.submit({ run: 'true' }), 1);
    times.push(one.median);
    await delay(pauseMs);
  } while (!(await isOver()));
  return summarize(times);
}

function pidOf(service: string): number {
  const found = readStates(system.home).flatMap(({ services }) => services);
  return found.find(({ name }) => name === service)?.pid ?? 0;
}

/** In bytes, by service. */
function memoryOfAll(): Record<string, number> {
  const states = readStates(system.home);
  const services = states.flatMap((state) => state.services.map(({ name, pid }) => [name, pid] as const));
  const broker = states.map(({ nats }) => ['nats-server', nats?.pid ?? null] as const);
  const all = [...broker, ...services].flatMap(([name, pid]) => (pid === null ? [] : [[name, pid] as const]));
  return Object.fromEntries(all.map(([name, pid]) => [name, privateMemoryOf(pid)]));
}

function report(measured: Awaited<ReturnType<typeof measure>>): void {
  const { empty, full, again, written, rebuild, reader, answers, memory, submitting, besideRetention } = measured;
  const events = options.tasks * eventsPerTask;
  console.log(`${events} events were written at ${written.perSecond.toFixed(0)}/s by a server that syncs ${syncedHow}`);
  const starts = { 'empty home': empty, 'projection to be built': full, 'projection there': again };
  printTable(
    'Start of the control side',
    ['home', 'until the broker answers', 'from there to ready'],
    Object.entries(starts).map(([about, { brokerMs, readyMs }]) => [about, ms(brokerMs), ms(readyMs)]),
  );
  const MiBs = (bytes: number) => `${(bytes / MiB).toFixed(0)} MiB`;
  const { memoryWhenEmpty, memoryAgain } = measured;
  printTable(
    'Private memory',
    ['process', 'empty home', 'projection was built', 'projection was there'],
    Object.entries(memory).map(([name, bytes]) => [
      name,
      MiBs(memoryWhenEmpty[name] ?? 0),
      MiBs(bytes),
      MiBs(memoryAgain[name] ?? 0),
    ]),
  );
  const meanwhile = rebuild.meanwhile === null ? {} : { 'submit while the projection is built': rebuild.meanwhile };
  const times = { ...answers, submit: submitting, ...meanwhile, 'submit beside retention': besideRetention };
  printTable(
    'Answers',
    ['', 'n', 'median', 'p99'],
    Object.entries(times).map(([about, { count, median, p99 }]) => [about, `${count}`, ms(median), ms(p99)]),
  );
  const rates = { 'intake builds its projection': rebuild, 'a reader that does nothing': reader };
  printTable(
    'Events',
    ['', 'per second', 'per second of its processor time'],
    Object.entries(rates).map(([about, rate]) => [about, rate.perSecond.toFixed(0), rate.perCpuSecond.toFixed(0)]),
  );
  // By processor time, which others on the machine take nothing of: a core of its own gives as much in a second.
  const rate = rebuild.perCpuSecond;
  const targets: Target[] = [
    { what: 'events into the projection, per second of a core', value: rate, limit: 15_000, kind: 'at least' },
    { what: 'the same, × the reader', value: rate / reader.perCpuSecond, limit: 0.2, kind: 'at least' },
    { what: 'start, × that of an empty home', value: full.readyMs / empty.readyMs, limit: 2, kind: 'at most' },
  ];
  printTargets(targets);
  writeResults('history', { options, targets, ...measured });
}
