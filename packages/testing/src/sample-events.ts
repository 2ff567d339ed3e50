/** Events of an ordinary task in an ordinary VM, for tests that need some; each may be altered where it matters. */

import { anyHost, type Draft, type EventData, type HostToken } from '@vm-task/shared/events';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import { newPipelineId, newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { noChanges } from '@vm-task/shared/pipelines/events';
import type { PipelineSpec } from '@vm-task/shared/pipelines/spec';
import type { TaskSpec } from '@vm-task/shared/task-spec';

const minutes = 60_000;

/** Of the VMs of sample events. */
export const sampleHost = 'host-1';

export const sampleSpec: TaskSpec = {
  image: 'python',
  size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
  egress: 'none',
  setup: [],
  main: { kind: 'script', runtime: 'shell', script: 'echo hi' },
  stdin: '',
  inputs: {},
  env: {},
  secrets: {},
  artifacts: [],
  timeouts: { queueMs: 10 * minutes, setupMs: 5 * minutes, runMs: 30 * minutes, totalMs: 60 * minutes },
  retry: { maxAttempts: 3, backoffMs: 10_000, on: ['vm'] },
  outputMaxBytes: 4 * 1024 * 1024,
  labels: {},
};

export function sampleTask(): TaskId {
  return newTaskId(Date.now());
}

export function sampleVm(): VmId {
  return newVmId(Date.now());
}

/** Bound to the host of the VM that it goes on in, where there is one. */
export function created(task: TaskId, changes: Partial<EventData<'task.created'>> = {}): Draft<'task.created'> {
  const data = { v: 1 as const, task, pool: 'default', spec: sampleSpec, cause: { kind: 'http' as const, id: 'test' } };
  const host = (changes.spec?.leftVm as { host?: HostToken } | undefined)?.host ?? anyHost;
  return { type: 'task.created', data: { ...data, ...changes }, host };
}

export function vmReady(
  task: TaskId,
  changes: Partial<EventData<'vm.ready'>> = {},
  host: HostToken = sampleHost,
): Draft<'vm.ready'> {
  const data: EventData<'vm.ready'> = {
    v: 1,
    task,
    pool: 'default',
    attempt: 1,
    vm: sampleVm(),
    host,
    driver: 'qemu',
    image: 'python@3.2.0',
    runtimes: { shell: ['/bin/sh', '-eu'], python: ['/usr/bin/python3'] },
    size: sampleSpec.size,
    access: { host: '127.0.0.1', port: 2222, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
    warm: true,
  };
  return { type: 'vm.ready', data: { ...data, ...changes }, host };
}

export function resumed(
  task: TaskId,
  vm: VmId,
  changes: Partial<EventData<'task.resumed'>> = {},
  host: HostToken = sampleHost,
): Draft<'task.resumed'> {
  const data = { v: 1 as const, task, pool: 'default', attempt: 1, vm, runner: 'runner-2' };
  return { type: 'task.resumed', data: { ...data, ...changes }, host };
}

export function setupDone(
  task: TaskId,
  changes: Partial<EventData<'task.setup.done'>> = {},
  host: HostToken = sampleHost,
): Draft<'task.setup.done'> {
  const data = { v: 1 as const, task, pool: 'default', attempt: 1, steps: [{ name: 'run 1', ms: 12 }] };
  return { type: 'task.setup.done', data: { ...data, ...changes }, host };
}

export function retrying(
  task: TaskId,
  changes: Partial<EventData<'task.retrying'>> = {},
  host: HostToken = sampleHost,
): Draft<'task.retrying'> {
  const data: EventData<'task.retrying'> = {
    v: 1,
    task,
    pool: 'default',
    attempt: 1,
    next: 2,
    vm: null,
    phase: 'vm',
    exitCode: null,
    error: { code: 'vm-not-started', message: 'no VM could be made: no space left on device' },
    notBefore: new Date().toISOString(),
  };
  return { type: 'task.retrying', data: { ...data, ...changes }, host };
}

export function cancelling(
  task: TaskId,
  changes: Partial<EventData<'task.cancelling'>> = {},
  host: HostToken = sampleHost,
): Draft<'task.cancelling'> {
  const data = { v: 1 as const, task, pool: 'default', attempt: 1, by: 'http', reason: 'no longer needed' };
  return { type: 'task.cancelling', data: { ...data, ...changes }, host };
}

export function completed(
  task: TaskId,
  changes: Partial<EventData<'task.completed'>> = {},
  host: HostToken = sampleHost,
): Draft<'task.completed'> {
  const data: EventData<'task.completed'> = {
    v: 1,
    task,
    pool: 'default',
    attempt: 1,
    vm: null,
    outcome: 'succeeded',
    exitCode: 0,
    signal: null,
    result: { kind: 'text', source: 'stdout', value: 'hi\n' },
    error: null,
    output: { stdout: { seenBytes: 3, storedBytes: 3 }, stderr: { seenBytes: 0, storedBytes: 0 } },
    artifacts: [],
    processMs: 5,
  };
  return { type: 'task.completed', data: { ...data, ...changes }, host };
}

export function vmGone(
  vm: VmId,
  changes: Partial<EventData<'vm.gone'>> = {},
  host: HostToken = sampleHost,
): Draft<'vm.gone'> {
  const data = { v: 1 as const, pool: 'default', vm, host, task: null, reason: 'the task is completed' };
  return { type: 'vm.gone', data: { ...data, ...changes }, host };
}

export function alertRaised(changes: Partial<EventData<'alert.raised'>> = {}): Draft<'alert.raised'> {
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'pool-full', id: 'default', text: 'Look at this' };
  return { type: 'alert.raised', data: { ...data, ...changes }, host: anyHost };
}

/** Two stages, the second of which needs the first. */
export const samplePipelineSpec: PipelineSpec = {
  name: 'pipeline',
  description: '',
  failure: 'stop',
  parameters: {},
  stages: [sampleStage('first', []), sampleStage('second', ['first'])],
};

function sampleStage(name: string, needs: string[]): PipelineSpec['stages'][number] {
  const task = { run: `echo ${name}` };
  return { name, kind: 'task', needs, onFailure: false, if: null, forEach: null, task, description: '', deadlineMs: 1 };
}

/** The same, the second in the VM of the first. */
export const sharedVmSpec: PipelineSpec = {
  ...samplePipelineSpec,
  stages: [sampleStage('first', []), { ...sampleStage('second', ['first']), vm: { of: 'first' } }],
};

export function samplePipeline(): PipelineId {
  return newPipelineId(Date.now());
}

export function pipelineCreated(
  pipeline: PipelineId,
  changes: Partial<EventData<'pipeline.created'>> = {},
): Draft<'pipeline.created'> {
  const cause = { kind: 'http' as const, id: 'test' };
  const data = { v: 1 as const, pipeline, spec: samplePipelineSpec, parameters: {}, cause, resumed: null };
  return { type: 'pipeline.created', data: { ...data, ...changes }, host: anyHost };
}

export function pipelineAdvanced(
  pipeline: PipelineId,
  changes: Partial<EventData<'pipeline.advanced'>> = {},
): Draft<'pipeline.advanced'> {
  return { type: 'pipeline.advanced', data: { v: 1, pipeline, ...noChanges, ...changes }, host: anyHost };
}

export function pipelineCancelling(pipeline: PipelineId): Draft<'pipeline.cancelling'> {
  return {
    type: 'pipeline.cancelling',
    data: { v: 1, pipeline, by: 'http', reason: 'no longer needed' },
    host: anyHost,
  };
}

export function pipelineCompleted(
  pipeline: PipelineId,
  changes: Partial<EventData<'pipeline.completed'>> = {},
): Draft<'pipeline.completed'> {
  const data = { v: 1 as const, pipeline, ...noChanges, outcome: 'succeeded' as const, error: null };
  return { type: 'pipeline.completed', data: { ...data, ...changes }, host: anyHost };
}
