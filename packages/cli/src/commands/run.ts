/**
 * `vm-task run`: submit, follow the output live, print the result, end as the process did. The first Ctrl-C cancels
 * and waits until the VM is gone; the second leaves that to the system.
 */

import type { Client } from '@vm-task/client/client';
import type { EventView, TaskView } from '@vm-task/client/views';
import type { ProgressView } from '@vm-task/shared/progress';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import { plainLine } from '../screen/plain-text.ts';
import { note, printJson, printResult } from '../screen/print.ts';
import { type Progress, startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import type { System } from '../systems/system.ts';
import { cancelOnInterrupt } from './interrupt.ts';
import { phaseNote } from './phase-note.ts';
import { untilVmGone } from './until-vm-gone.ts';

const lineFeed = 10;

export interface RunOptions {
  readonly system: System;
  readonly json: boolean;
  /** Makes the task; gives its id. */
  readonly submit: (client: Client) => Promise<string>;
}

export async function run({ system, json, submit }: RunOptions): Promise<number> {
  using progress = startProgress({ quiet: json });
  await system.up((what) => progress.update(startNote(what)));
  const client = system.client;
  const id = await submit(client);
  // Whoever watches can find it again, whatever becomes of this command.
  if (!json && process.stderr.isTTY) note(`task ${id}`);
  progress.update(`task ${id} is queued`);
  await using interrupt = cancelOnInterrupt(id, () => client.tasks.cancel(id), progress);
  const following: Following = { system, client, id, json, progress, said: null, isLineOpen: false };
  const ended = await Promise.race([followToTheEnd(following), interrupt.left]);
  if (ended === 'left') {
    note(`task ${id} is being cancelled; ./vm-task show ${id} tells when it is over`);
    return exitCodes.cancelled;
  }
  const view = await client.tasks.show(id);
  if (view.outcome === 'cancelled') await Promise.race([untilVmGone(client, view, progress), interrupt.left]);
  progress.clear();
  if (json) printJson(view);
  else printEnding(view, ended, following.isLineOpen);
  return exitCodeOf({ ...view, signal: ended.signal });
}

interface Following {
  readonly system: System;
  readonly client: Client;
  readonly id: string;
  readonly json: boolean;
  readonly progress: Progress;
  /** What the process says of how far it is, of the attempt that runs now. */
  said: ProgressView | null;
  /** The last byte on stdout was not the end of a line. */
  isLineOpen: boolean;
}

interface Ending {
  readonly signal: string | null;
  readonly resultFromFile: boolean;
  readonly truncated: readonly string[];
}

async function followToTheEnd(following: Following): Promise<Ending> {
  const signal = new AbortController().signal;
  const [last] = await Promise.all([followPhases(following, signal), copyOutput(following, signal)]);
  return endingOf(last);
}

/** The terminal event. */
async function followPhases(following: Following, signal: AbortSignal): Promise<EventView | null> {
  const { system, client, id, json, progress } = following;
  let last: EventView | null = null;
  const say = () => progress.update(phaseNote(system, last, following.said));
  const refresh = setInterval(say, 500);
  try {
    for await (const event of client.tasks.followEvents(id, signal)) {
      if (event.type === 'task.retrying' && !json) sayRetrying(event, progress);
      if (event.type === 'task.retrying') following.said = null;
      if (event.type === 'task.completed' || last?.type !== 'task.completed') last = event;
      say();
    }
    return last;
  } finally {
    clearInterval(refresh);
  }
}

/** Said for good: from here on the output is that of another attempt. */
function sayRetrying({ data }: EventView, progress: Progress): void {
  const { attempt, next, notBefore, error } = data as Record<string, string> & { error: { message: string } };
  progress.clear();
  note(`attempt ${attempt} failed: ${plainLine(error.message)}; attempt ${next} begins at ${notBefore}`);
}

async function copyOutput(following: Following, signal: AbortSignal): Promise<void> {
  const { client, id, json, progress } = following;
  for await (const { event, data } of client.tasks.output(id, { follow: true, signal })) {
    if (event === 'progress') following.said = data;
    if (event !== 'output' || json) continue;
    progress.clear();
    const bytes = Buffer.from(data.data, 'base64');
    if (data.stream === 'stdout' && bytes.length > 0) following.isLineOpen = bytes.at(-1) !== lineFeed;
    await write(data.stream === 'stdout' ? process.stdout : process.stderr, bytes);
  }
}

/** What cannot be written is known elsewhere, and the task is being cancelled. */
function write(target: NodeJS.WriteStream, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => target.write(bytes, () => resolve()));
}

function endingOf(event: EventView | null): Ending {
  const data = event?.data as
    | {
        signal?: string | null;
        result?: { source?: string } | null;
        output?: Record<string, { seenBytes: number; storedBytes: number }> | null;
      }
    | undefined;
  const output = Object.entries(data?.output ?? {});
  return {
    signal: data?.signal ?? null,
    resultFromFile: data?.result?.source === 'file',
    truncated: output
      .filter(([, { seenBytes, storedBytes }]) => storedBytes < seenBytes)
      .map(([name, { seenBytes, storedBytes }]) => `${name}: kept ${storedBytes} of ${seenBytes} bytes`),
  };
}

function printEnding(view: TaskView, ending: Ending, isLineOpen: boolean): void {
  for (const line of ending.truncated) note(`${line}; output.maxBytes and the VM's disk are the limits`);
  // A result that is only the end of stdout has been seen already.
  if (ending.resultFromFile) printResult(view.result, isLineOpen);
  for (const unmatched of view.unmatched ?? []) note(plainLine(unmatched.note));
  if (view.error !== null) note(`${plainLine(view.error.message)} (${view.error.code}; ./vm-task show ${view.id})`);
}
