/** The supervisor's record of a job's end, as `record` in supervise.pl writes it. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { JobEnd, JobOutcome, Offsets, OutputStream, StreamTotals } from './job.ts';

const nothing = Buffer.alloc(0);
const recordPattern =
  /^outcome (?<outcome>[^\n]+)\nmemory (?<memory>[01])\nstopped (?<stopped>[01])\nran (?<ran>\d+)\nstdout (?<stdout>\d+ \d+)\nstderr (?<stderr>\d+ \d+)\n$/;

/** @throws `guest-failed` when the record is not one, because what cannot be read is no exit status (I9). */
export function readEnd(record: Buffer, tails: Record<OutputStream, Buffer>, result: Buffer | null): JobEnd {
  const groups = recordPattern.exec(record.toString())?.groups;
  const outcome = outcomeOf(groups?.['outcome'] ?? '');
  if (groups === undefined || outcome === null) throw unreadable(record);
  return {
    outcome,
    outOfMemory: groups['memory'] === '1',
    stopped: groups['stopped'] === '1',
    ranMs: Number(groups['ran']),
    stdout: totalsOf(groups['stdout'] ?? '', tails.stdout),
    stderr: totalsOf(groups['stderr'] ?? '', tails.stderr),
    result,
  };
}

/** The end of a job of which nobody knows more than what was read of it. */
export function lostEnd(reason: string, read: Offsets): JobEnd {
  const totals = (bytes: number) => ({ seenBytes: bytes, storedBytes: bytes, droppedBytes: 0, tail: nothing });
  return {
    outcome: { kind: 'lost', reason },
    outOfMemory: false,
    stopped: false,
    ranMs: null,
    stdout: totals(read.stdout),
    stderr: totals(read.stderr),
    result: null,
  };
}

/** @throws `guest-failed`, as `readEnd`. */
export function readOutcome(record: Buffer): JobOutcome {
  return readEnd(record, { stdout: nothing, stderr: nothing }, null).outcome;
}

function outcomeOf(text: string): JobOutcome | null {
  const [, kind, rest = ''] = /^(exited|signalled|not-started) (.+)$/.exec(text) ?? [];
  if (kind === 'not-started') return { kind, reason: rest };
  if (!/^\d{1,3}$/.test(rest)) return null;
  if (kind === 'exited') return { kind, code: Number(rest) };
  return kind === 'signalled' ? { kind, signal: Number(rest) } : null;
}

function totalsOf(numbers: string, tail: Buffer): StreamTotals {
  const [seenBytes = 0, storedBytes = 0] = numbers.split(' ').map(Number);
  return { seenBytes, storedBytes, droppedBytes: seenBytes - storedBytes, tail };
}

function unreadable(record: Buffer): VmTaskError {
  const start = JSON.stringify(record.toString('latin1', 0, 80));
  return new VmTaskError('guest-failed', `the machine's record of how the job ended cannot be read: ${start}`);
}
