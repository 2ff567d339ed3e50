/** The supervisor's record of a job's end, as `record` in supervise.pl writes it. */
import { VmTaskError } from '@vm-task/shared/errors';
import { guestText } from './guest-text.ts';
import type { JobEnd, JobOutcome, Offsets, OutputStream, StreamTotals } from './job.ts';

const nothing = Buffer.alloc(0);
/** As wait(2) has them. */
const exitCodeMax = 255;
const signalMax = 127;
/** No number has more than 15 digits: JavaScript counts those exactly. */
const recordPattern =
  /^outcome (?<outcome>[^\n]+)\nmemory (?<memory>[01])\nstopped (?<stopped>[01])\nran (?<ran>\d{1,15})\nstdout (?<stdout>\d{1,15} \d{1,15})\nstderr (?<stderr>\d{1,15} \d{1,15})\n$/;

/**
 * `agrees`: whether so many stored bytes of a stream agree with what came of it. @throws `guest-failed` when the record
 * is not one, because what cannot be read is no exit status (I9).
 */
export function readEnd(
  record: Buffer,
  tails: Record<OutputStream, Buffer>,
  result: JobEnd['result'],
  agrees: (stream: OutputStream, storedBytes: number) => boolean,
): JobEnd {
  const groups = recordPattern.exec(record.toString())?.groups;
  const outcome = outcomeOf(groups?.['outcome'] ?? '');
  if (groups === undefined || outcome === null) throw unreadable(record);
  const stdout = totalsOf(groups['stdout'] ?? '', tails.stdout);
  const stderr = totalsOf(groups['stderr'] ?? '', tails.stderr);
  if (stdout === null || stderr === null) throw unreadable(record);
  if (!agrees('stdout', stdout.storedBytes) || !agrees('stderr', stderr.storedBytes)) throw unreadable(record);
  return {
    outcome,
    outOfMemory: groups['memory'] === '1',
    stopped: groups['stopped'] === '1',
    ranMs: Number(groups['ran']),
    stdout,
    stderr,
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
  const groups = recordPattern.exec(record.toString())?.groups;
  const outcome = outcomeOf(groups?.['outcome'] ?? '');
  if (outcome === null) throw unreadable(record);
  return outcome;
}

function outcomeOf(text: string): JobOutcome | null {
  const [, kind, rest = ''] = /^(exited|signalled|not-started) (.+)$/.exec(text) ?? [];
  if (kind === 'not-started') return { kind, reason: guestText(rest) };
  if (!/^\d{1,3}$/.test(rest)) return null;
  const number = Number(rest);
  if (kind === 'exited' && number <= exitCodeMax) return { kind, code: number };
  return kind === 'signalled' && number > 0 && number <= signalMax ? { kind, signal: number } : null;
}

/** Null for more stored than seen. */
function totalsOf(numbers: string, tail: Buffer): StreamTotals | null {
  const [seenBytes = 0, storedBytes = 0] = numbers.split(' ').map(Number);
  if (seenBytes < storedBytes) return null;
  return { seenBytes, storedBytes, droppedBytes: seenBytes - storedBytes, tail };
}

function unreadable(record: Buffer): VmTaskError {
  const start = JSON.stringify(record.toString('latin1', 0, 80));
  return new VmTaskError('guest-failed', `the machine's record of how the job ended cannot be read: ${start}`);
}
