/**
 * The log that a release leaves behind: every type of event, with whatever its schema has, as that version's broker
 * stored it. `released/<version>/events.jsonl` has a message in each line, and later versions read all of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { headers as newHeaders } from '@nats-io/transport-node';
import type { RawMessage } from '@vm-task/bus/envelope';
import type { Answerers } from '@vm-task/shared/answerers';
import { anyHost, type Draft } from '@vm-task/shared/events';
import { manualPool } from '@vm-task/shared/ids';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import * as sample from './sample-events.ts';

export const releasedFolder = new URL('../released/', import.meta.url);

export const releasedVersions: readonly string[] = readdirSync(releasedFolder).sort();

interface Line extends Omit<RawMessage, 'headers' | 'data' | 'time'> {
  readonly time: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As it was stored. */
  readonly data: string;
}

export function lineOf({ headers, data, time, ...message }: RawMessage): string {
  const line: Line = {
    ...message,
    time: time.toISOString(),
    headers: Object.fromEntries((headers?.keys() ?? []).map((key) => [key, headers?.get(key) ?? ''])),
    data: Buffer.from(data).toString('utf8'),
  };
  return JSON.stringify(line);
}

/** The log of that version, in its order. */
export function readReleasedLog(version: string): readonly RawMessage[] {
  const text = readFileSync(new URL(`${version}/events.jsonl`, releasedFolder), 'utf8');
  return text.trim().split('\n').map(messageIn);
}

function messageIn(line: string): RawMessage {
  const { headers, data, time, ...message } = JSON.parse(line) as Line;
  const stored = newHeaders();
  for (const [key, value] of Object.entries(headers)) stored.set(key, value);
  return { ...message, time: new Date(time), headers: stored, data: Buffer.from(data) };
}

/** A story that has every type of event, and in which every field that may be there is there once. */
export function wholeStory(): readonly Draft[] {
  return [
    ...taskStory(),
    ...shortStories(),
    ...pipelineStory(),
    ...askingStory(),
    sample.alertRaised({ links: [link] }),
  ];
}

const link = { title: 'the task', href: '/v1/tasks/x' };
const artifact = {
  path: 'out/report.txt',
  bytes: 3,
  sha256: 'a'.repeat(64),
  object: 'x/1/out/report.txt',
  executable: true as const,
};
const lost = { code: 'vm-lost' as const, message: 'its process has ended' };

function wholeSpec(): TaskSpec {
  const [task, other] = [sample.sampleTask(), sample.sampleTask()];
  const output = { result: { n: 1 }, artifacts: [artifact], host: sample.sampleHost };
  const run = { index: 0, task: other, pool: 'default', outcome: 'succeeded' as const, error: null, output };
  const failed = { ...run, outcome: 'failed' as const, error: lost, output: null };
  return {
    ...sample.sampleSpec,
    egress: 'internet',
    setup: [
      { kind: 'git', url: 'https://example.org/x.git', path: 'x', ref: 'main' },
      { kind: 'run', script: 'make' },
    ],
    main: { kind: 'command', argv: ['make', 'check'] },
    stdin: 'line\n',
    inputs: { list: [1, null, { deep: true }] },
    needs: {
      first: { outcome: 'succeeded', perItem: false, error: null, runs: [run] },
      second: { outcome: 'failed', perItem: true, error: lost, runs: [failed] },
    },
    keep: { pipeline: sample.samplePipeline(), stage: 'first' },
    leftVm: { vm: sample.sampleVm(), host: sample.sampleHost, task, stage: 'zeroth' },
    env: { LANG: 'C' },
    secrets: { TOKEN: 'token' },
    artifacts: ['out/**'],
    alertAfterMs: 60_000,
    children: 2,
    retry: { maxAttempts: 2, backoffMs: 1_000, on: ['vm', 'setup', 'run'] },
    labels: { team: 'red' },
  };
}

/** Two attempts, the second of which another runner goes on with, until somebody cancels it. */
function taskStory(): readonly Draft[] {
  const task = sample.sampleTask();
  const [first, second] = [sample.sampleVm(), sample.sampleVm()];
  const stage = { pipeline: sample.samplePipeline(), stage: 'second', index: 0, run: 1 };
  const vm = { vm: second, attempt: 2 };
  const completed = {
    ...vm,
    outcome: 'cancelled' as const,
    exitCode: null,
    signal: 'SIGTERM',
    result: { kind: 'json' as const, source: 'file' as const, value: { n: 1 } },
    error: { code: 'cancel-forced' as const, message: 'it had to be killed' },
    artifacts: [artifact],
    unmatched: [{ pattern: 'missing/*', found: 'nothing' as const }],
  };
  return [
    sample.created(task, { spec: wholeSpec(), cause: { kind: 'pipeline', id: stage.pipeline }, stage }),
    sample.vmReady(task, { vm: first }),
    sample.retrying(task, { vm: first, phase: 'run', exitCode: 1, error: lost }),
    sample.vmGone(first, { task }),
    sample.vmReady(task, vm),
    sample.setupDone(task, { attempt: 2 }),
    sample.resumed(task, second, { attempt: 2 }),
    sample.cancelling(task, { attempt: 2 }),
    sample.completed(task, completed),
    sample.vmGone(second, { task: null }),
  ];
}

/** It waits for certain people, and one of them has answered. */
function asked(answerers: Answerers): readonly Draft[] {
  const task = sample.sampleTask();
  const main = { kind: 'answer' as const, from: 'approval' as const, text: 'go on?', answerers };
  const answer = { kind: 'json' as const, source: 'answer' as const, value: { approved: true } };
  const ended = { result: answer, output: null, processMs: null, exitCode: null };
  const principal = { kind: 'token' as const, name: 'anna' };
  return [
    sample.created(task, { v: 2, pool: manualPool, spec: { ...sample.sampleSpec, main } }),
    sample.completed(task, { pool: manualPool, ...ended, principal }, anyHost),
  ];
}

/** A plain one, and one that waits for a person. */
function shortStories(): readonly Draft[] {
  const [plain, manual] = [sample.sampleTask(), sample.sampleTask()];
  const vm = sample.sampleVm();
  const main = { kind: 'answer' as const, from: 'approval' as const, text: 'go on?' };
  const answer = { kind: 'text' as const, source: 'answer' as const, value: 'yes' };
  return [
    sample.created(plain),
    sample.vmReady(plain, { vm }),
    sample.completed(plain, { vm }),
    sample.created(manual, { spec: { ...sample.sampleSpec, main } }),
    sample.completed(manual, { result: answer, output: null, processMs: null, exitCode: null }),
    ...asked({ only: ['anna'] }),
    ...asked({ allBut: 'ci' }),
  ];
}

function pipelineStory(): readonly Draft[] {
  const [pipeline, from] = [sample.samplePipeline(), sample.samplePipeline()];
  const task = sample.sampleTask();
  const run = { stage: 'first', index: 0, task, pool: 'default' };
  const ended = [{ ...run, outcome: 'failed' as const, error: lost }];
  const expand = [{ stage: 'second', items: [1, 'two'] }];
  const skip = [{ stage: 'second', reason: 'needs' as const, text: 'first has failed' }];
  const fail = [{ stage: 'second', index: null, error: { code: 'invalid-pipeline' as const, message: 'no list' } }];
  const start = [{ ...run, run: 1, spec: sample.sampleSpec }];
  const [first, second] = sample.sharedVmSpec.stages;
  if (first === undefined || second === undefined) throw new Error('the sample has two stages');
  const spec = {
    ...sample.sharedVmSpec,
    parameters: { n: { type: 'integer' as const, default: 1, options: [1, 2], description: 'how many' } },
    stages: [first, { ...second, if: 'params.n > 0', forEach: [1, 'two'] }],
  };
  const resumed = { from, expand, ended, skip };
  return [
    sample.pipelineCreated(pipeline, { spec, parameters: { n: 1 }, cause: { kind: 'resume', id: from }, resumed }),
    sample.pipelineAdvanced(pipeline, { ended, expand, start, skip, fail }),
    sample.pipelineCancelling(pipeline),
    sample.pipelineCompleted(pipeline, { ended, skip, fail, outcome: 'failed', error: lost }),
  ];
}

/** Somebody goes on with a pipeline of another one, in which not everybody may answer. */
function askingStory(): readonly Draft[] {
  const [pipeline, task] = [sample.samplePipeline(), sample.sampleTask()];
  const [first] = sample.sharedVmSpec.stages;
  if (first === undefined) throw new Error('the sample has two stages');
  const asking = { ...first, kind: 'approval' as const, task: {} };
  const stages = [
    { ...asking, answerers: { tokens: ['anna', 'ci'], submitter: true } },
    { ...asking, name: 'other', answerers: { tokens: null, submitter: false } },
  ];
  const token = (name: string) => ({ kind: 'token' as const, name });
  const ownership = { team: 'red', principal: token('ops') };
  const main = { kind: 'answer' as const, from: 'approval' as const, text: '', answerers: { only: ['anna', 'ci'] } };
  const spec = { ...sample.sampleSpec, main };
  const start = [{ stage: 'first', index: 0, run: 1, task, pool: manualPool, spec }];
  const created = { spec: { ...sample.sharedVmSpec, stages }, submitter: token('ci'), ...ownership };
  return [
    sample.pipelineCreated(pipeline, { v: 2, ...created }),
    sample.pipelineAdvanced(pipeline, { v: 2, start, ...ownership }),
    sample.pipelineCancelling(pipeline),
    sample.pipelineCompleted(pipeline, { outcome: 'cancelled' }),
  ];
}
