import type { Draft, Stored } from '@vm-task/shared/events';
import { Random } from '@vm-task/simulation/random';
import {
  cancelling,
  completed,
  created,
  resumed,
  sampleSpec,
  sampleTask,
  sampleVm,
  vmGone,
  vmReady,
} from '@vm-task/testing/sample-events';
import { describe, expect, it } from 'vitest';
import type { Evidence } from './evidence.ts';
import { planTask } from './planned-task.ts';
import { reportOf } from './report.ts';

const nonces = ['0a1b2c3d-0000-4000-8000-000000000001', '0a1b2c3d-0000-4000-8000-000000000002'];
const random = Random.of(1, 'load');
const task = Array.from({ length: 100 }, (_, n) => planTask(random, n + 1)).find(
  ({ kind, cancel }) => kind === 'plain' && cancel === null,
);
if (task === undefined) throw new Error('a hundred tasks, and none of them is plain');
const { number, output } = task;
const [id, other, vm, otherVm] = [sampleTask(), sampleTask(), sampleVm(), sampleVm()];

/** What a start with this nonce prints. */
const stdout = (nonce = nonces[0]) => Buffer.from(`start ${nonce}${output.stdout.bytes.toString().slice(42)}`);
const seen = { seenBytes: output.stdout.bytes.length, storedBytes: output.stdout.bytes.length };
const totals = {
  stdout: seen,
  stderr: { seenBytes: output.stderr.bytes.length, storedBytes: output.stderr.bytes.length },
};
const made = (whose = id) => created(whose, { spec: { ...sampleSpec, env: { CHAOS_TASK: String(number) } } });
const ready = (changes = {}) => vmReady(id, { vm, ...changes });
const ended = (changes = {}) => completed(id, { vm, output: totals, ...changes });
const gone = vmGone(vm, { task: id });

interface Changes {
  readonly events?: readonly Draft[];
  readonly chunks?: readonly { readonly offset: number; readonly bytes: Buffer }[];
  readonly starts?: readonly (readonly [vm: string, step: string, nonce: string])[];
  readonly ids?: readonly string[];
  readonly killed?: readonly string[];
  readonly commands?: readonly (readonly [number, number])[];
}

/** What the report says of an ordinary run of one task with these changes. */
function brokenIn(changes: Changes): string[] {
  const {
    events = [made(), ready(), ended(), gone],
    chunks = [{ offset: 0, bytes: stdout() }],
    starts = [[vm, 'main', nonces[0] ?? '']],
    ids = [id],
    killed = [],
    commands = [],
  } = changes;
  const stored = events.map(
    (event, n) => ({ ...event, seq: n + 1, time: new Date(n), id: '', subject: '' }) as unknown as Stored,
  );
  const evidence = {
    submissions: [{ task, ids: new Set(ids), commandSeq: null, cancel: 'not asked' }],
    pipelines: [],
    deeds: killed.map((one) => ({ at: new Date(), target: 'machine', act: 'kill', lastsMs: 0, pid: 1, vm: one })),
    streams: {
      events: stored,
      commands: new Map(commands),
      pipelineCommands: new Set(),
      output: new Map([
        [`${id}/1/stdout`, chunks],
        [`${id}/1/stderr`, [{ offset: 0, bytes: output.stderr.bytes }]],
      ]),
    },
    starts: starts.map(([where, step, nonce]) => ({ vm: where, task: number, step, nonce })),
    watched: new Set([vm, otherVm]),
  } as unknown as Evidence;
  const course = { seed: 1, minutes: 1, recoveries: [], quietAfterMs: 0, leaks: [], broken: [] };
  return [...new Set(reportOf(evidence, course).broken.map(({ promise }) => promise))];
}

const whole = stdout();
const lost = { outcome: 'failed', exitCode: null, error: { code: 'vm-lost', message: 'gone' }, output: null } as const;

describe('what was seen of a run', () => {
  it('keeps every promise when all is well, also after a resumption', () => {
    expect(brokenIn({})).toEqual([]);
    expect(brokenIn({ events: [made(), ready(), resumed(id, vm), ended(), gone] })).toEqual([]);
  });

  it('shows what was accepted and is not there, and a command that became nothing', () => {
    expect(brokenIn({ ids: [id, other] })).toEqual(['nothing accepted is lost', 'no task is made twice']);
    expect(brokenIn({ commands: [[7, number]] })).toEqual(['nothing accepted is lost']);
  });

  it('shows a task that was made twice', () => {
    const twice = [made(), made(other), ready(), ended(), completed(other), gone];
    expect(brokenIn({ events: twice })).toContain('no task is made twice');
  });

  it('shows a task that has no end, or two, or goes on after it', () => {
    expect(brokenIn({ events: [made(), ready(), gone] })).toContain('one terminal event');
    expect(brokenIn({ events: [made(), ready(), ended(), ended(), gone] })).toContain('one terminal event');
    expect(brokenIn({ events: [made(), ready(), ended(), resumed(id, vm), gone] })).toEqual(['nothing after the end']);
    const goesOn = [made(), ready(), cancelling(id), resumed(id, vm), ended(), gone];
    expect(brokenIn({ events: goesOn })).toEqual(['nothing after the end']);
  });

  it('shows an outcome that nobody asked for, and believes in a loss only where that VM was killed', () => {
    expect(brokenIn({ events: [made(), ready(), ended({ outcome: 'cancelled' }), gone] })).toEqual([
      'the right outcome',
    ]);
    const losing = [made(), ready(), ended({ ...lost, attempt: 1 }), gone];
    expect(brokenIn({ events: losing })).toContain('the right outcome');
    expect(brokenIn({ events: losing, killed: [otherVm] })).toContain('the right outcome');
  });

  it('shows a process that was started twice, by the console or by the output', () => {
    const one = [vm, 'main', nonces[0] ?? ''] as const;
    expect(brokenIn({ starts: [one, [vm, 'main', nonces[1] ?? '']] })).toEqual(['one start per attempt and step']);
    expect(brokenIn({ starts: [one, [otherVm, 'main', nonces[1] ?? '']] })).toEqual(['one start per attempt and step']);
    expect(brokenIn({ starts: [] })).toEqual(['one start per attempt and step']);
    expect(brokenIn({ chunks: [{ offset: 0, bytes: stdout(nonces[1]) }] })).toEqual(['one start per attempt and step']);
  });

  it('shows a gap, a repeat, another byte, and output that is not all there', () => {
    const gap = 'output without gap or repeat';
    const two = (from: number, to: number) => [
      { offset: 0, bytes: whole.subarray(0, from) },
      { offset: to, bytes: whole.subarray(to) },
    ];
    expect(brokenIn({ chunks: two(44, 44) })).toEqual([]);
    expect(brokenIn({ chunks: two(44, 45) })).toEqual([gap]);
    expect(brokenIn({ chunks: two(45, 44) })).toEqual([gap]);
    expect(brokenIn({ chunks: [{ offset: 0, bytes: whole.subarray(0, -1) }] })).toEqual([gap]);
    const altered = Buffer.from(whole);
    altered.write('x', altered.length - 1);
    expect(brokenIn({ chunks: [{ offset: 0, bytes: altered }] })).toEqual([gap]);
  });

  it('shows a VM that is not said to be gone, or twice', () => {
    expect(brokenIn({ events: [made(), ready(), ended()] })).toEqual(['every VM is said to be gone, once']);
    expect(brokenIn({ events: [made(), ready(), ended(), gone, gone] })).toEqual(['every VM is said to be gone, once']);
  });
});
