/**
 * A vitest set-up file: fails a test file that leaves something behind after its last test and hook. Looked at are
 * processes that were started meanwhile (also those whose parents have gone), listening and connected sockets, and
 * temporary folders.
 */
import { randomUUID } from 'node:crypto';
import { afterAll } from 'vitest';
import { eventually } from './conditions.ts';
import { descendantsOf, processesWithEnvironment } from './processes.ts';
import { tempFoldersLeft } from './temp-folder.ts';

/** Every process that is started from here on inherits this line, and keeps it when it outlives its parents. */
const mark = `VM_TASK_TEST_FILE=${randomUUID()}`;
const [markName = '', markValue] = mark.split('=');
process.env[markName] = markValue;

/** Sockets close a moment after whoever closed them was told; an idle keep-alive connection of fetch lives 4 s. */
const closingLimitMs = 5_000;
const hookLimitMs = 30_000;

interface Belongings {
  readonly processes: readonly string[];
  readonly folders: readonly string[];
  /** Of this process: sockets have no name of their own there, so they are counted. */
  readonly listeners: number;
  readonly connections: number;
}

async function lookAround(): Promise<Belongings> {
  const running = [...descendantsOf(process.pid), ...processesWithEnvironment(mark)];
  const resources = process.getActiveResourcesInfo();
  return {
    processes: [...new Set(running.map(({ pid, argv }) => `${pid} ${argv.join(' ').trim()}`))],
    folders: await tempFoldersLeft(),
    listeners: resources.filter((name) => name === 'TCPServerWrap' || name === 'PipeServerWrap').length,
    connections: resources.filter((name) => name === 'TCPSocketWrap').length,
  };
}

/** One sentence for each thing that is there now and was not there before. */
function leaked(before: Belongings, now: Belongings): string[] {
  const fresh = (was: readonly string[], is: readonly string[]) => is.filter((item) => !was.includes(item));
  const more = (what: string, was: number, is: number) => (is > was ? [`${is - was} ${what}`] : []);
  return [
    ...fresh(before.processes, now.processes).map((found) => `process ${found}`),
    ...fresh(before.folders, now.folders).map((found) => `folder ${found}`),
    ...more('listening sockets', before.listeners, now.listeners),
    ...more('open connections', before.connections, now.connections),
  ];
}

async function expectNothingLeft(before: Belongings): Promise<void> {
  let left: string[] = [];
  const clean = async () => {
    left = leaked(before, await lookAround());
    return left.length === 0;
  };
  await eventually(clean, { what: 'nothing is left behind', limitMs: closingLimitMs }).catch(() => {
    throw new Error(`left behind: ${left.join('; ')}`);
  });
}

const atStart = await lookAround();

// The first of all hooks, so of all `afterAll`s it is the last one that runs.
afterAll(() => expectNothingLeft(atStart), hookLimitMs);
