import { describe, expect, it } from 'vitest';
import { exitCodeOf } from './exit-codes.ts';

describe('the exit code of vm-task run', () => {
  it("is the process's own", () => {
    expect(exitCodeOf({ outcome: 'succeeded', exitCode: 0 })).toBe(0);
    expect(exitCodeOf({ outcome: 'failed', exitCode: 7 })).toBe(7);
  });

  it('is 128 + n when signal n ended the process', () => {
    expect(exitCodeOf({ outcome: 'failed', exitCode: null, signal: 'SIGTERM' })).toBe(143);
    expect(exitCodeOf({ outcome: 'failed', exitCode: null, signal: 'KILL' })).toBe(137);
  });

  it('says timed out, cancelled or not run, whatever the process did', () => {
    expect(exitCodeOf({ outcome: 'timed_out', exitCode: null })).toBe(124);
    expect(exitCodeOf({ outcome: 'cancelled', exitCode: null })).toBe(130);
    expect(exitCodeOf({ outcome: 'failed', exitCode: null })).toBe(125);
  });

  it('is never 0 for a task that failed, though its process did not: a file of it was refused', () => {
    expect(exitCodeOf({ outcome: 'failed', exitCode: 0 })).toBe(125);
  });
});
