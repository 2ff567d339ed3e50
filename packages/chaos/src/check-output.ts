/** The stored output of every attempt against what its processes print: offsets, bytes, and length (I8, I11). */
import type { EventData, Stored } from '@vm-task/shared/events';
import { type LogStream, logStreams } from '@vm-task/shared/subjects';
import type { Broken, Evidence } from './evidence.ts';
import { differenceFrom } from './expected-output.ts';
import type { PlannedTask } from './planned-task.ts';
import { type OutputChunk, outputKey } from './watch-streams.ts';

export interface OutputCheck {
  readonly broken: readonly Broken[];
  /** Attempts with output that were compared. */
  readonly compared: number;
  readonly bytes: number;
}

export function checkOutput({ submissions, streams }: Evidence): OutputCheck {
  const planned = new Map(submissions.map(({ task }) => [task.number, task]));
  const broken: Broken[] = [];
  let [compared, bytes] = [0, 0];
  for (const event of streams.events) {
    if (event.type !== 'task.created') continue;
    const task = planned.get(Number(event.data.spec.env['CHAOS_TASK']));
    if (task === undefined) continue;
    for (const attempt of attemptsOf(event, streams.events)) {
      compared += 1;
      for (const stream of logStreams) {
        const chunks = streams.output.get(outputKey(event.data.task, attempt, stream)) ?? [];
        bytes += lengthOf(chunks);
        const wrong = whatIsWrong(task, stream, chunks, endOf(event.data.task, attempt, streams.events));
        const what = `task ${task.number} (${task.kind}, ${event.data.task}), attempt ${attempt}, ${stream}: ${wrong}`;
        if (wrong !== null) broken.push({ promise: 'output without gap or repeat', what });
      }
    }
  }
  return { broken, compared, bytes };
}

function attemptsOf({ data: { task } }: Stored<'task.created'>, events: readonly Stored[]): number[] {
  return events.flatMap((event) => (event.type === 'vm.ready' && event.data.task === task ? [event.data.attempt] : []));
}

/** The task's end, if it came in this attempt. */
function endOf(task: string, attempt: number, events: readonly Stored[]): EventData<'task.completed'> | null {
  const end = events.find((event) => event.type === 'task.completed' && event.data.task === task);
  return end?.type === 'task.completed' && end.data.attempt === attempt ? end.data : null;
}

const lengthOf = (chunks: readonly OutputChunk[]): number => chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);

function whatIsWrong(
  task: PlannedTask,
  stream: LogStream,
  chunks: readonly OutputChunk[],
  end: EventData<'task.completed'> | null,
): string | null {
  let next = 0;
  for (const { offset, bytes } of chunks) {
    if (offset !== next) return `a chunk begins at ${offset}, the one before ended at ${next}`;
    next += bytes.length;
  }
  const different = differenceFrom(task.output[stream], Buffer.concat(chunks.map(({ bytes }) => bytes)));
  if (different !== null || stream === 'setup') return different;
  const total = end?.output?.[stream];
  if (total !== undefined && total.storedBytes !== next) return `${next} bytes, the event says ${total.storedBytes}`;
  const isWhole = end?.outcome === 'succeeded' && total?.seenBytes !== task.output[stream].bytes.length;
  return isWhole ? `the process wrote ${total?.seenBytes} of ${task.output[stream].bytes.length} bytes` : null;
}
