/** Commands about pipelines that answer at once: show, list, cancel, resume. */

import type { PipelineSummary, PipelineView, RunView, StageView } from '@vm-task/client/views';
import { drawGraph, type GraphStage } from '../screen/graph.ts';
import { print, printJson } from '../screen/print.ts';
import { progressText } from '../screen/progress-text.ts';
import { humanDuration, table } from '../screen/table.ts';
import { resultText, runName } from './pipeline-lines.ts';
import type { Common } from './tasks.ts';

type Cell = string | number | null;

export async function showPipeline({ system, json }: Common, id: string): Promise<void> {
  const view = await system.client.pipelines.show(id);
  if (json) return printJson(view);
  print(table(['field', 'value'], fieldsOf(view)));
  print(`\n${drawGraph(view.stages.map(graphStageOf))}`);
  print(`\n${stageTable(view)}`);
}

/** Every run of every stage: its state, VM, duration and result. */
export function stageTable({ stages }: PipelineView): string {
  const header = ['stage', 'state', 'task', 'vm', 'took', 'result'];
  return table(header, stages.flatMap(rowsOf));
}

export function graphStageOf({ name, needs, standing, onFailure, always }: StageView): GraphStage {
  const when = always ? 'always' : onFailure ? 'after a failure' : null;
  return { name, needs, mark: markOf(standing), when };
}

const marks = new Map(Object.entries({ waiting: '·', running: '▶', succeeded: '✓', failed: '✗', skipped: '-' }));

function markOf(standing: string): string {
  return marks.get(standing) ?? '?';
}

function fieldsOf(view: PipelineView): [string, Cell][] {
  const parameters = Object.entries(view.parameters).map(([name, value]) => `${name}=${resultText(value, 60)}`);
  return [
    ['id', view.id],
    ['name', view.name],
    ['status', view.status],
    ['outcome', view.outcome],
    ['error', view.error === null ? null : `${view.error.code}: ${view.error.message}`],
    ['parameters', parameters.join(' ') || null],
    ['resumed from', view.resumedFrom],
    ['created', view.createdAt],
    ['completed', view.completedAt],
  ];
}

function rowsOf(stage: StageView): Cell[][] {
  if (stage.runs.length === 0) {
    const why = stage.reason ?? stage.error?.message ?? '';
    return [[stage.name, stage.standing, null, null, null, resultText(why, 70)]];
  }
  return stage.runs.map((run) => [
    runName(stage, run),
    run.task?.outcome ?? run.task?.status ?? 'failed',
    run.task?.id ?? null,
    run.task?.vm ?? null,
    run.recorded ? 'done before' : humanDuration(run.durationMs),
    resultOf(run),
  ]);
}

function resultOf({ task, question, error, progress }: RunView): string {
  if (question !== null) return resultText(question.text, 70);
  if (progress !== null) return progressText(progress);
  if (error !== null) return resultText(error.message, 70);
  return task === null || task.result === null ? '' : resultText(task.result, 70);
}

export async function listPipelines({ system, json }: Common, query: Readonly<Record<string, string>>): Promise<void> {
  const page = await system.client.pipelines.list(query);
  if (json) return printJson(page);
  print(table(['id', 'name', 'status', 'stages', 'created'], page.pipelines.map(summaryRow)));
  if (page.next !== null) print(`\nmore: vm-task pipeline list --after ${page.next}`);
}

function summaryRow({ id, name, outcome, status, progress, createdAt }: PipelineSummary): Cell[] {
  const counts = Object.entries(progress).filter(([, count]) => count > 0);
  return [id, name, outcome ?? status, counts.map(([standing, count]) => `${count} ${standing}`).join(', '), createdAt];
}

export async function cancelPipeline({ system, json }: Common, id: string): Promise<void> {
  const { id: pipeline } = await system.client.pipelines.cancel(id);
  if (json) printJson({ id: pipeline, status: 'cancelling' });
  else print(`${pipeline} is being cancelled`);
}
