/**
 * `vm-task pipeline run` and `resume`: submit, follow every stage live, print what came out. The first Ctrl-C cancels
 * and waits for the end; the second leaves that to the system.
 */

import type { Client } from '@vm-task/client/client';
import type { PipelineView } from '@vm-task/client/views';
import { exitCodes } from '../exit-codes.ts';
import { plainLine } from '../screen/plain-text.ts';
import { note, print, printJson } from '../screen/print.ts';
import { type Progress, startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import type { System } from '../systems/system.ts';
import { cancelOnInterrupt } from './interrupt.ts';
import { newLines, runningNote } from './pipeline-lines.ts';
import { stageTable } from './pipelines.ts';

export interface RunPipelineOptions {
  readonly system: System;
  readonly json: boolean;
  /** Makes the pipeline; gives its id. */
  readonly submit: (client: Client) => Promise<string>;
}

export async function runPipeline({ system, json, submit }: RunPipelineOptions): Promise<number> {
  using progress = startProgress({ quiet: json });
  await system.up((what) => progress.update(startNote(what)));
  const client = system.client;
  const id = await submit(client);
  await using interrupt = cancelOnInterrupt(`pipeline ${id}`, () => client.pipelines.cancel(id), progress);
  progress.clear();
  if (!json) note(`pipeline ${id}`);
  const ended = await Promise.race([follow(client, id, json, progress), interrupt.left]);
  if (ended === 'left') {
    note(`pipeline ${id} is being cancelled; ./vm-task pipeline show ${id} tells when it is over`);
    return exitCodes.cancelled;
  }
  progress.clear();
  if (json) printJson(ended);
  else printEnding(ended);
  return exitCodeOf(ended);
}

/** The last view. */
async function follow(client: Client, id: string, json: boolean, progress: Progress): Promise<PipelineView> {
  const said = new Set<string>();
  for await (const view of client.pipelines.follow(id, new AbortController().signal)) {
    if (json) continue;
    for (const line of newLines(view, said)) {
      progress.clear();
      print(plainLine(line));
    }
    progress.update(runningNote(view));
  }
  return client.pipelines.show(id);
}

function printEnding(view: PipelineView): void {
  print(`\n${stageTable(view)}`);
  if (view.error !== null) {
    const { code, message } = view.error;
    note(`${plainLine(message)} (${code}; ./vm-task pipeline resume ${view.id} runs it again from there)`);
  }
}

function exitCodeOf({ outcome }: PipelineView): number {
  if (outcome === 'cancelled') return exitCodes.cancelled;
  return outcome === 'succeeded' ? 0 : exitCodes.failed;
}
