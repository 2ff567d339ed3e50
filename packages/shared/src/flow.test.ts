/**
 * Mirrors are proved: the event schemas, the flow table, the services' `on-*.ts` files, the subjects and the
 * documentation say the same, in both directions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { streams } from '@vm-task/bus/streams';
import { tableIn } from '@vm-task/testing/markdown';
import {
  alertRaised,
  cancelling,
  completed,
  created,
  pipelineAdvanced,
  pipelineCancelling,
  pipelineCompleted,
  pipelineCreated,
  resumed,
  retrying,
  samplePipeline,
  sampleTask,
  sampleVm,
  setupDone,
  vmGone,
  vmReady,
} from '@vm-task/testing/sample-events';
import { describe, expect, test } from 'vitest';
import { type Draft, type EventType, eventSchemas } from './events.ts';
import { consumerFor, type FlowRow, flow, ownInitiative } from './flow.ts';
import type { PipelineId } from './ids.ts';
import { services } from './roles.ts';
import { commandSubjects, eventPatterns, eventSubject, eventsOf, everything, subjectMatches } from './subjects.ts';

const repository = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, repository), 'utf8');

const task = sampleTask();
const vm = sampleVm();
const pipeline = samplePipeline();
const samples: { readonly [T in EventType]: Draft<T> } = {
  'task.created': created(task),
  'vm.ready': vmReady(task),
  'task.resumed': resumed(task, vm),
  'task.setup.done': setupDone(task),
  'task.retrying': retrying(task),
  'task.cancelling': cancelling(task),
  'task.completed': completed(task),
  'vm.gone': vmGone(vm),
  'pipeline.created': pipelineCreated(pipeline),
  'pipeline.advanced': pipelineAdvanced(pipeline),
  'pipeline.cancelling': pipelineCancelling(pipeline),
  'pipeline.completed': pipelineCompleted(pipeline),
  'alert.raised': alertRaised(),
};
const eventTypes = Object.keys(eventSchemas) as EventType[];
const rows: readonly FlowRow[] = Object.values(flow);
const nameOf = (row: FlowRow) => `services/${row.service}/src/${row.file}.ts`;
const scope = { pool: 'default', host: 'host-1' };
/** A row's filter as the broker sees it. */
const filterOf = (row: FlowRow) => consumerFor({ ...row, consumer: row.consumer ?? '' }, scope).filter;

describe('subjects', () => {
  test.each(eventTypes)("%s goes to its own pattern and to no other event's", (type) => {
    const subject = eventSubject(samples[type]);
    const matching = eventTypes.filter((other) => subjectMatches(eventPatterns[other], subject));
    expect(matching).toEqual([type]);
  });

  test('the stream takes exactly the patterns of the events', () => {
    expect([...streams.EVENTS.subjects].sort()).toEqual(Object.values(eventPatterns).sort());
    expect([...streams.COMMANDS.subjects].sort()).toEqual(Object.values(commandSubjects).sort());
  });

  test('no two streams take the same subject', () => {
    const one = (pattern: string) => pattern.replaceAll('*', 'x');
    for (const [name, { subjects }] of Object.entries(streams)) {
      const others = Object.values(streams).filter((stream) => stream.name !== name);
      for (const subject of subjects.map(one)) {
        const taken = others.filter((other) => other.subjects.some((pattern) => subjectMatches(pattern, subject)));
        expect(taken.map((other) => other.name)).toEqual([]);
      }
    }
  });

  test('the course of a task is its deciding events, and nothing else', () => {
    const course = eventsOf({ pool: 'default', task });
    const members = eventTypes.filter((type) => subjectMatches(course, eventSubject(samples[type])));
    expect(members).toEqual([
      'task.created',
      'vm.ready',
      'task.resumed',
      'task.retrying',
      'task.cancelling',
      'task.completed',
    ]);
    const foreign = eventTypes.filter((type) =>
      subjectMatches(eventsOf({ pool: 'default', task: sampleTask() }), eventSubject(samples[type])),
    );
    expect(foreign).toEqual([]);
  });
});

describe('the events of a pipeline', () => {
  test('is all of its events, and nothing of its tasks', () => {
    const members = (of: PipelineId) =>
      eventTypes.filter((type) => subjectMatches(eventsOf({ pipeline: of }), eventSubject(samples[type])));
    expect(members(pipeline)).toEqual([
      'pipeline.created',
      'pipeline.advanced',
      'pipeline.cancelling',
      'pipeline.completed',
    ]);
    expect(members(samplePipeline())).toEqual([]);
  });
});

describe('the flow table', () => {
  test('every filter selects subjects of its stream, or all of them', () => {
    for (const row of rows) {
      const filter = filterOf(row);
      if (filter === everything) continue;
      const subject = filter.replaceAll('*', 'x');
      const taken = streams[row.stream].subjects.some((pattern) => subjectMatches(pattern, subject));
      expect(taken, `${nameOf(row)}: ${filter} is not of ${row.stream}`).toBe(true);
    }
  });

  test('no handler is given what it emits itself, but for the cancelling of children: a task is there before those', () => {
    for (const row of rows.filter((one) => one !== flow.intakeOnTaskCancelling)) {
      for (const type of row.emits) {
        const subject = eventSubject(samples[type]);
        const isGiven = subjectMatches(filterOf(row), subject);
        expect(isGiven, `${nameOf(row)} emits ${type} and is given it`).toBe(false);
      }
    }
  });

  test('no durable of one stream has the name of another', () => {
    const names = rows.flatMap(({ consumer }) => (consumer === null ? [] : [consumer]));
    expect(new Set(names).size).toBe(names.length);
  });

  test('every event is emitted by somebody', () => {
    const emitted = new Set([...rows.flatMap((row) => row.emits), ...Object.values(ownInitiative).flat()]);
    expect([...emitted].sort()).toEqual([...eventTypes].sort());
  });

  test('a durable for one pool or host has a name of its own, and needs to be told which', () => {
    expect(consumerFor(flow.provisionerOnTaskCreated, scope)).toEqual({
      stream: 'EVENTS',
      name: 'created-pool-default',
      filter: 'task.created.default.*.any',
    });
    expect(() => consumerFor(flow.provisionerOnTaskCreated)).toThrow('needs a scope');
  });
});

/** What the first line of a handler's file says: `Handles <event>. Emits: <event> | <event>. …`, or `nothing`. */
function saidIn(file: string): { handles: string; emits: readonly string[] } | string {
  const [first = ''] = read(file).split('\n');
  const said = /^\/\*\* Handles (.+?)\. Emits: ([a-z.]+(?: \| [a-z.]+)*)\. /.exec(first);
  if (said === null) return `not of the form "/** Handles <event>. Emits: <event> | <event>. …": ${first}`;
  const [, handles = '', emits = ''] = said;
  return { handles, emits: emits === 'nothing' ? [] : emits.split(' | ') };
}

/** `on-task-created` handles `task.created`. */
function handledBy({ file }: FlowRow): string {
  const about = file.replace(/^on-/, '');
  return about === 'any-event' ? 'any event' : about.replaceAll('-', '.');
}

describe("the services' files", () => {
  test('every row of the flow table is a file, and every on-*.ts is a row', () => {
    const files = services.flatMap((service) =>
      readdirSync(new URL(`services/${service}/src/`, repository))
        .filter((name) => /^on-.*\.ts$/.test(name) && !name.endsWith('.test.ts'))
        .map((name) => `services/${service}/src/${name}`),
    );
    // What is bound to a host has a durable of its own, and the same handler.
    expect(files.sort()).toEqual([...new Set(rows.map(nameOf))].sort());
  });

  test.each(rows.map((row) => [nameOf(row), row] as const))('%s says what it handles and emits', (file, row) => {
    expect(saidIn(file)).toEqual({ handles: handledBy(row), emits: row.emits });
  });
});

describe('docs/events.md', () => {
  const table = tableIn(read('docs/events.md')).map(([event, subject, emitters, handlers]) => ({
    event,
    subject,
    emittedBy: emitters?.split(', '),
    handledBy: handlers?.split(', '),
  }));

  test('lists every event with its subject, who emits it and who handles it', () => {
    const sample = (type: EventType) => eventSubject(samples[type]);
    const expected = eventTypes.map((event) => {
      const emitting = services.filter(
        (service) =>
          ownInitiative[service].includes(event) ||
          rows.some((row) => row.service === service && row.emits.includes(event)),
      );
      const handling = services.filter((service) =>
        rows.some((row) => row.service === service && subjectMatches(filterOf(row), sample(event))),
      );
      return { event, subject: eventPatterns[event], emittedBy: emitting, handledBy: handling };
    });
    expect(table).toEqual(expected);
  });
});
