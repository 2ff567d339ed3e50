import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { watchOutput, whenOutputFails } from './output-failure.ts';

function failing() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const exit = vi.fn();
  const failure = watchOutput({ stdout, stderr, exit, failedCode: 125 });
  const fail = (code: string) => stdout.emit('error', Object.assign(new Error(`${code}: so it is`), { code }));
  return { exit, failure, fail, said: () => stderr.read()?.toString() ?? '' };
}

test('a command that has nothing to undo ends at once', () => {
  const { exit, fail, said } = failing();
  fail('EPIPE');
  expect(exit).toHaveBeenCalledExactlyOnceWith(141);
  expect(said()).toBe('');
});

test('a command that has something to undo does that first, and ends with the code of the failure', () => {
  const { exit, failure, fail, said } = failing();
  const undo = vi.fn();
  {
    using _undoing = whenOutputFails(undo);
    fail('ENOSPC');
    fail('ENOSPC');
  }
  expect(undo).toHaveBeenCalledOnce();
  expect(exit).not.toHaveBeenCalled();
  expect(failure.exitCode()).toBe(125);
  expect(said()).toBe('vm-task: the output cannot be written: ENOSPC: so it is\n');
});
