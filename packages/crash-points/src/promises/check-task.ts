/** The promises, for one task that was accepted, once everything has settled. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openArtifact } from '@vm-task/bus/artifacts';
import { findCreated } from '@vm-task/bus/find-task';
import type { Stored } from '@vm-task/shared/events';
import type { Expectation } from '../scenarios/job.ts';
import type { Accepted } from '../scenarios/user.ts';
import type { SystemUnderTest } from '../system/system.ts';
import { eventsOf, outputOf } from './read.ts';

/** One sentence for each promise that was broken. */
export async function checkTask(system: SystemUnderTest, { task, expected }: Accepted): Promise<string[]> {
  const created = await findCreated(system.bus.connection, task);
  if (created === null) return [`I1: task ${task} was accepted and is not stored`];
  const events = await eventsOf(system.bus, task, created.seq);
  const problems = [
    ...checkEnding(events, expected),
    ...checkAttempts(events, expected),
    ...checkGone(events),
    ...(await checkOutput(system, task, events, expected)),
    ...(await checkArtifacts(system, events, expected)),
    ...(await checkStarts(system, events, expected)),
  ];
  return problems.map((problem) => `${problem} (task ${task}: ${events.map(({ type }) => type).join(' ')})`);
}

function endingsOf(events: readonly Stored[]): readonly Stored<'task.completed'>[] {
  return events.filter((event) => event.type === 'task.completed');
}

function checkEnding(events: readonly Stored[], { outcome, error }: Expectation): string[] {
  const endings = endingsOf(events);
  const [ending] = endings;
  if (ending === undefined || endings.length > 1) return [`I2: ${endings.length} terminal events`];
  const later = events.filter(({ seq, type }) => seq > ending.seq && type !== 'vm.gone');
  const { data } = ending;
  const isAsExpected = data.outcome === outcome && (error === undefined || data.error?.code === error);
  return [
    ...(later.length === 0 ? [] : [`I3: ${later.map(({ type }) => type).join(' ')} after the end`]),
    ...(isAsExpected ? [] : [`it ${data.outcome} (${JSON.stringify(data.error)}), not ${outcome} ${error ?? ''}`]),
  ];
}

function checkAttempts(events: readonly Stored[], { attempts }: Expectation): string[] {
  const ready = events.filter((event) => event.type === 'vm.ready');
  const numbers = ready.map(({ data }) => data.attempt);
  const isInOrder = numbers.every((number, index) => number === index + 1);
  const vms = new Set(ready.map(({ data }) => data.vm));
  return [
    ...(isInOrder && numbers.length <= attempts ? [] : [`attempts ${numbers.join(', ')} of at most ${attempts}`]),
    ...(vms.size === ready.length ? [] : ['I12: two attempts in one VM']),
  ];
}

function checkGone(events: readonly Stored[]): string[] {
  const had = new Set(events.flatMap((event) => ('vm' in event.data && event.data.vm !== null ? [event.data.vm] : [])));
  const gone = events.flatMap((event) => (event.type === 'vm.gone' ? [event.data.vm] : []));
  return [...had].flatMap((vm) => {
    const times = gone.filter((one) => one === vm).length;
    return times === 1 ? [] : [`I6: ${vm} was said to be gone ${times} times`];
  });
}

async function checkOutput(
  { bus }: SystemUnderTest,
  task: Accepted['task'],
  events: readonly Stored[],
  { output }: Expectation,
): Promise<string[]> {
  const problems: string[] = [];
  const stored = await outputOf(bus, task).catch((error: Error) => error);
  if (stored instanceof Error) return [`I8: a gap or a repeat in the output: ${stored.message}`];
  for (const [name, found] of stored) {
    const wanted = output[name.split('/')[1] as keyof typeof output];
    if (!wanted.startsWith(found)) problems.push(`I8: output ${name} is ${JSON.stringify(found)}`);
  }
  const [ending] = endingsOf(events);
  if (ending?.data.outcome !== 'succeeded') return problems;
  for (const [stream, wanted] of Object.entries(output)) {
    const found = stored.get(`${ending.data.attempt}/${stream}`) ?? '';
    if (found !== wanted) problems.push(`I8: ${stream} has ${found.length} bytes of ${wanted.length}`);
  }
  return problems;
}

async function checkArtifacts(
  { bus }: SystemUnderTest,
  events: readonly Stored[],
  expected: Expectation,
): Promise<string[]> {
  const [ending] = endingsOf(events);
  if (ending?.data.outcome !== 'succeeded') return [];
  const problems: string[] = [];
  for (const [path, wanted] of Object.entries(expected.artifacts)) {
    const object = ending.data.artifacts.find((artifact) => artifact.path === path)?.object;
    const content = object === undefined ? null : await openArtifact(bus.connection, ending.host, object);
    const found = content === null ? null : await text(content);
    if (found !== wanted) problems.push(`artifact ${path} is ${JSON.stringify(found)}`);
  }
  if (ending.data.result?.kind !== 'json') problems.push(`the result is ${JSON.stringify(ending.data.result)}`);
  return problems;
}

/** Each start has added its script's path, which names attempt and step; the file is an artifact, too. */
async function checkStarts(
  { bus, guest }: SystemUnderTest,
  events: readonly Stored[],
  { starts }: Expectation,
): Promise<string[]> {
  if (starts === null) return [];
  const [ending] = endingsOf(events);
  const artifact = ending?.data.artifacts.find(({ path }) => path === starts);
  const kept = artifact === undefined ? null : await openArtifact(bus.connection, ending?.host ?? '', artifact.object);
  const file = join(guest?.home ?? '', 'work', starts);
  const content = kept === null ? '' : await text(kept);
  const started = (guest !== null && existsSync(file) ? readFileSync(file, 'utf8') : content).trim().split('\n');
  const repeated = started.filter((script, index) => started.indexOf(script) !== index);
  const isShort = ending?.data.outcome === 'succeeded' && started.length < 2;
  return [
    ...(repeated.length === 0 ? [] : [`I8: started more than once: ${repeated.join(', ')}`]),
    ...(isShort ? [`of setup step and process only ${started.join(', ')} was started`] : []),
  ];
}
