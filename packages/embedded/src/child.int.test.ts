import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, processRef } from '@vm-task/hypervisor/ledger/process-ref';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { describe, expect, it } from 'vitest';
import { type ChildReport, superviseChild } from './child.ts';

const script = (text: string) => ({ command: '/bin/sh', args: ['-c', text] });

async function supervise(folder: string, text: string, graceMs = 5_000) {
  const stop = new AbortController();
  const reports: ChildReport[] = [];
  const logFile = join(folder, 'child.log');
  const over = superviseChild(
    { name: 'child', ...script(text), logFile, ready: 'line' },
    { stop: stop.signal, graceMs, report: (report) => void reports.push(report) },
  );
  return { stop, reports, over, logFile };
}

describe('a supervised child', () => {
  it('is ready when it says so, and is gone when it was asked to stop', async () => {
    await using folder = await makeTempFolder('child');
    const { stop, reports, over } = await supervise(folder.path, 'echo ready; exec sleep 300');
    const ready = await eventually(() => reports.find(({ state }) => state === 'ready'), { what: 'it is ready' });
    const child = processRef(ready.pid ?? 0);
    stop.abort();
    await over;
    expect(child !== null && isRunning(child)).toBe(false);
    expect(reports.at(-1)).toMatchObject({ state: 'stopped', lastExit: 'killed by SIGTERM' });
  });

  it('is started again when it ends by itself, and its log says why it ended', async () => {
    await using folder = await makeTempFolder('child');
    const { stop, reports, over, logFile } = await supervise(folder.path, 'echo no luck >&2; exit 3');
    const again = await eventually(() => reports.find(({ restarts }) => restarts >= 2), { what: 'a second restart' });
    expect(again.lastExit).toBe('exit code 3');
    stop.abort();
    await over;
    expect(await readFile(logFile, 'utf8')).toMatch(/^no luck\nno luck\n/);
  });

  it('is killed when it ignores SIGTERM, also while it is stopped', async () => {
    await using folder = await makeTempFolder('child');
    const { stop, reports, over } = await supervise(
      folder.path,
      'trap "" TERM; echo ready; while :; do sleep 1; done',
      200,
    );
    const ready = await eventually(() => reports.find(({ state }) => state === 'ready'), { what: 'it is ready' });
    process.kill(ready.pid ?? 0, 'SIGSTOP');
    stop.abort();
    await over;
    expect(reports.at(-1)).toMatchObject({ state: 'stopped', lastExit: 'killed by SIGKILL' });
  });
});
