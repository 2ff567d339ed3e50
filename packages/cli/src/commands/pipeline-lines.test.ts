import type { PipelineView, RunView, StageView } from '@vm-task/client/views';
import { expect, test } from 'vitest';
import { newLines } from './pipeline-lines.ts';

const task = {
  id: 'T',
  status: 'queued',
  outcome: null,
  exitCode: null,
  result: null,
  error: null,
  pool: 'manual',
  image: 'none',
  vm: null,
  createdAt: '',
  completedAt: null,
} as const;
const run: RunView = {
  index: 0,
  item: null,
  task,
  question: null,
  durationMs: null,
  progress: null,
  recorded: false,
  error: null,
};

function view(kind: StageView['kind'], changes: Partial<RunView>): PipelineView {
  const runs = [{ ...run, ...changes }];
  const stage = {
    name: 'ask',
    kind,
    needs: [],
    onFailure: false,
    always: false,
    standing: 'running' as const,
    reason: null,
  };
  return { stages: [{ ...stage, error: null, runs }] } as unknown as PipelineView;
}

test('whoever is to decide is told about what, how, and until when, once', () => {
  const said = new Set<string>();
  const waiting = view('approval', { question: { text: '删除？', until: '2026-01-01T00:00:00.000Z' } });
  expect(newLines(waiting, said)).toEqual([
    'ask: 删除？',
    'ask: waits for ./vm-task approve T, or reject, until 2026-01-01T00:00:00.000Z',
  ]);
  expect(newLines(waiting, said)).toEqual([]);
});

test('where not everybody may answer, it is said who may', () => {
  const question = { text: '', until: '2026-01-01T00:00:00.000Z', answerers: { only: ['anna', 'berta'] } };
  expect(newLines(view('external', { question }), new Set())).toEqual([
    'ask: waits for ./vm-task complete T --result …, until 2026-01-01T00:00:00.000Z, by "anna" or "berta" only',
  ]);
});

test('a stage that has failed is reported once its reason is known', () => {
  const said = new Set<string>();
  const failed = { task: { ...task, status: 'completed', outcome: 'failed' } as const, durationMs: 1_000 };
  expect(newLines(view('task', failed), said)).toEqual([]);
  const error = { code: 'process-failed', message: 'the process exited with 3' } as const;
  expect(newLines(view('task', { ...failed, error }), said)).toEqual([
    'ask: failed in 1.0 s: the process exited with 3',
  ]);
});

test('a stage that runs says where, and what came out', () => {
  const said = new Set<string>();
  const running = { ...task, status: 'running', vm: 'vm-1' } as const;
  expect(newLines(view('task', { task: running }), said)).toEqual(['ask: runs in vm-1']);
  const ended = { ...running, status: 'completed', outcome: 'succeeded', result: { n: 3 } } as const;
  expect(newLines(view('task', { task: ended, durationMs: 1_000 }), said)).toEqual([
    'ask: succeeded in 1.0 s (vm-1): {"n":3}',
  ]);
});
