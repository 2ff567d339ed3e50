/** What has changed in a pipeline between two looks, one line for each run of a stage that has moved on. */

import type { PipelineView, RunView, StageView } from '@vm-task/client/views';
import { answerersText } from '@vm-task/shared/answerers-text';
import type { Json } from '@vm-task/shared/json';
import { shorten } from '../screen/plain-text.ts';
import { progressText } from '../screen/progress-text.ts';
import { humanDuration } from '../screen/table.ts';

/** Lines for what was not said before; `said` remembers what was. */
export function newLines({ stages }: PipelineView, said: Set<string>): string[] {
  return stages.flatMap((stage) => linesOf(stage)).filter((line) => !said.has(line) && said.add(line));
}

/** What runs, or waits for an answer, in a few words. */
export function runningNote({ stages }: PipelineView): string {
  const running = stages.filter(({ standing }) => standing === 'running').map((stage) => noteOf(stage));
  return running.length === 0 ? 'deciding what is next' : running.join(', ');
}

/** `each[2]` for the third item, the stage's name alone where there are none. */
export function runName({ name, runs }: StageView, { index, item }: RunView): string {
  return runs.length > 1 || item !== null ? `${name}[${index}]` : name;
}

export function resultText(result: Json, length: number): string {
  return shorten(typeof result === 'string' ? result : JSON.stringify(result), length);
}

function linesOf(stage: StageView): string[] {
  if (stage.standing === 'skipped') return [`${stage.name}: skipped: ${stage.reason}`];
  const refused =
    stage.runs.length === 0 && stage.error !== null ? [`${stage.name}: failed: ${stage.error.message}`] : [];
  return [...refused, ...stage.runs.flatMap((run) => [...questionLines(stage, run), lineOf(stage, run) ?? []].flat())];
}

/** Whoever is to decide has to know about what. */
function questionLines(stage: StageView, run: RunView): string[] {
  return run.question === null || run.question.text === '' ? [] : [`${runName(stage, run)}: ${run.question.text}`];
}

function lineOf(stage: StageView, run: RunView): string | null {
  const name = runName(stage, run);
  const { task } = run;
  if (task === null) return run.error === null ? null : `${name}: failed: ${run.error.message}`;
  if (run.recorded) return `${name}: done before`;
  if (task.status !== 'completed') return startLine(stage, name, run);
  const how = `${name}: ${task.outcome} in ${humanDuration(run.durationMs)}${task.vm === null ? '' : ` (${task.vm})`}`;
  // Why is known a moment later than that.
  if (task.outcome !== 'succeeded') return run.error === null ? null : `${how}: ${run.error.message}`;
  return task.result === null ? how : `${how}: ${resultText(task.result, 100)}`;
}

function startLine({ kind }: StageView, name: string, { task, question }: RunView): string | null {
  const { until, answerers } = question ?? {};
  const rest = [
    ...(until === undefined ? [] : [`until ${until}`]),
    ...(answerers === undefined ? [] : [`by ${answerersText(answerers)}`]),
  ];
  const more = rest.map((part) => `, ${part}`).join('');
  if (kind === 'approval') return `${name}: waits for ./vm-task approve ${task?.id}, or reject${more}`;
  if (kind === 'external') return `${name}: waits for ./vm-task complete ${task?.id} --result …${more}`;
  return task === null || task.vm === null ? null : `${name}: runs in ${task.vm}`;
}

function noteOf({ name, runs }: StageView): string {
  const over = runs.filter(({ task }) => task === null || task.status === 'completed').length;
  if (runs.length > 1) return `${name} (${over} of ${runs.length})`;
  const progress = runs[0]?.progress ?? null;
  return progress === null ? name : `${name} (${progressText(progress)})`;
}
