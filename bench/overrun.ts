/**
 * How late the reaper acts on deadlines (I7): from a deadline until the VM's process is gone. The reaper is its own
 * program in a process of its own, on a ledger with real files; the VMs are light processes that carry the mark.
 *
 * *Without NATS* the deadline is the one in the VM's own folder. *With NATS* it is the `total` of the VM's task, whose
 * ending the reaper stores first. *Restarted*: every deadline passed while no reaper was there; measured from its start.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startBroker } from '@vm-task/testing/broker';
import { lendLedgerVms } from '@vm-task/testing/ledger-vms';
import { readArguments } from './src/arguments.ts';
import { type Makes, withBroker, withoutBroker } from './src/overrun/makes.ts';
import { startReaper, writeHome } from './src/overrun/reaper.ts';
import { type Summary, summarize } from './src/percentiles.ts';
import { ms, printTable, printTargets, type Target, writeResults } from './src/report.ts';

const options = readArguments('Measures how late the reaper acts on the deadlines of VMs.', {
  vms: { default: 200, about: 'VMs whose deadlines come one after another' },
  seconds: { default: 30, about: 'seconds in which they come' },
  overdue: { default: 50, about: 'VMs that are overdue when the reaper starts' },
});

/** Two sweeps: until then the reaper has seen every VM. */
const leadMs = 10_000;
/** As in `vm-task.yaml` by default. */
const sweepMs = 5_000;

await using broker = await startBroker();

const figures = {
  withoutNats: await runningReaper(null),
  withNats: await runningReaper(broker.server),
  restartedWithoutNats: await restartedReaper(null),
  restartedWithNats: await restartedReaper(broker.server),
};
report();

async function runningReaper(server: typeof broker.server | null): Promise<Summary> {
  await using lent = await lendLedgerVms();
  writeHome(lent.home, server);
  await using makes = await makesFor(lent);
  await using _reaper = await startReaper(lent.home);
  const late: Promise<number>[] = [];
  for (let n = 0; n < options.vms; n++) {
    const { vm, dueAt } = await makes.make(leadMs + (n * options.seconds * 1_000) / options.vms);
    late.push(vm.ended.then(() => Math.max(0, performance.now() - dueAt)));
  }
  return summarize(await Promise.all(late));

  function makesFor(home: typeof lent): Promise<Makes> {
    return server === null ? withoutBroker(home) : withBroker(home, broker.bus);
  }
}

async function restartedReaper(server: typeof broker.server | null): Promise<Summary> {
  await using lent = await lendLedgerVms();
  writeHome(lent.home, server);
  await using makes = server === null ? await withoutBroker(lent) : await withBroker(lent, broker.bus);
  const made = [];
  for (let n = 0; n < options.overdue; n++) made.push(await makes.make(1));
  await delay(makes.patienceMs);
  const startedAt = performance.now();
  await using _reaper = await startReaper(lent.home);
  return summarize(await Promise.all(made.map(({ vm }) => vm.ended.then(() => performance.now() - startedAt))));
}

function report(): void {
  const row = (name: string, { count, median, p99, max }: Summary) => [
    name,
    String(count),
    ms(median),
    ms(p99),
    ms(max),
  ];
  printTable(
    'From a deadline to the end of the VM',
    ['', 'VMs', 'median', 'p99', 'max'],
    [row('without NATS', figures.withoutNats), row('with NATS', figures.withNats)],
  );
  printTable(
    'From the start of the reaper to the end of what was overdue',
    ['', 'VMs', 'median', 'p99', 'max'],
    [row('without NATS', figures.restartedWithoutNats), row('with NATS', figures.restartedWithNats)],
  );
  const seconds = (value: number) => value / 1_000;
  const targets: Target[] = [
    { what: 'p99 without NATS, s', value: seconds(figures.withoutNats.p99), limit: 1, kind: 'at most' },
    { what: 'p99 with NATS, s', value: seconds(figures.withNats.p99), limit: 1, kind: 'at most' },
    ...[figures.restartedWithoutNats, figures.restartedWithNats].map(
      ({ max }, n): Target => ({
        what: `after a start, ${n === 0 ? 'without' : 'with'} NATS, s (one sweep)`,
        value: seconds(max),
        limit: seconds(sweepMs),
        kind: 'at most',
      }),
    ),
  ];
  printTargets(targets);
  writeResults('overrun', { options, ...figures, targets });
}
