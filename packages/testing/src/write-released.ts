/** `pnpm run released`: writes what this version leaves behind, for every later one to read (docs/releasing.md). */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keyOf } from '@vm-task/bus/append';
import { type Bus, createBus } from '@vm-task/bus/bus';
import { rawOf } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import { version } from '@vm-task/service/version';
import { anyHost, type Draft } from '@vm-task/shared/events';
import { cacheAt, homeAt } from '@vm-task/shared/home';
import { eventsOf } from '@vm-task/shared/subjects';
import { startBroker } from './broker.ts';
import { writeReleasedHome } from './released-home.ts';
import { lineOf, releasedFolder, wholeStory } from './released-log.ts';

const { signal } = new AbortController();

/** The sequence of the last event of the course. */
const lastOf = new Map<string, number>();

/** Of no version: all that may be written one day is in the log. */
const everythingIsOn = { version: '999.0.0' };

async function store(bus: Bus, draft: Draft): Promise<void> {
  if (draft.type === 'vm.gone' || draft.type === 'alert.raised') return await bus.announce(draft, signal);
  const course = eventsOf(keyOf(draft));
  const appended = await bus.append(draft, lastOf.get(course) ?? 0, signal);
  if (appended.kind === 'conflict') throw new Error(`${draft.type} was refused`);
  if (draft.type !== 'task.setup.done') lastOf.set(course, appended.event.seq);
}

await using broker = await startBroker();
const bus = createBus(broker.connection, `vm-task/${version}`, silentLogger, anyHost, everythingIsOn);
for (const draft of wholeStory()) await store(bus, draft);
const { streams } = broker.connection.jsm;
const { state } = await streams.info('EVENTS');
const lines: string[] = [];
for (let seq = 1; seq <= state.last_seq; seq++) {
  const message = await streams.getMessage('EVENTS', { seq });
  if (message !== null) lines.push(lineOf(rawOf(message)));
}
const folder = fileURLToPath(new URL(version, releasedFolder));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'events.jsonl'), `${lines.join('\n')}\n`);
await writeReleasedHome(homeAt(join(folder, 'home')), cacheAt(join(folder, 'cache')));
process.stdout.write(`${lines.length} events, a home and a cache in ${folder}\n`);
