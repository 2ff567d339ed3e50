import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

  it('is not started while what is looked at before each start throws, and is once it does not', async () => {
    await using folder = await makeTempFolder('child');
    const stop = new AbortController();
    const reports: ChildReport[] = [];
    let refusals = 2;
    const before = async () => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('not the program that was set up');
    };
    const logFile = join(folder.path, 'child.log');
    const over = superviseChild(
      { name: 'child', ...script('echo ready; exec sleep 300'), logFile, ready: 'line', before },
      { stop: stop.signal, graceMs: 5_000, report: (report) => void reports.push(report) },
    );
    await eventually(() => reports.some(({ state }) => state === 'ready'), { what: 'it is ready' });
    stop.abort();
    await over;
    expect(reports.slice(0, 3)).toMatchObject([
      { state: 'waiting', pid: null, restarts: 0, lastExit: 'not the program that was set up' },
      { state: 'waiting', pid: null, restarts: 1 },
      { state: 'starting', restarts: 2 },
    ]);
  });

  it('has a log with a limit while it runs, and the last lines are in it, each once', async () => {
    await using folder = await makeTempFolder('child');
    const { stop, over, reports, logFile } = await supervise(
      folder.path,
      'seq 1 12000000 >&2; echo ready; exec sleep 300',
    );
    await eventually(() => reports.some(({ state }) => state === 'ready'), { what: 'all is written', limitMs: 60_000 });
    stop.abort();
    await over;
    const files = (await readdir(folder.path)).filter((name) => name.startsWith('child.log'));
    const lines = (await Promise.all([`${logFile}.1`, logFile].map((file) => readFile(file, 'utf8'))))
      .join('')
      .trimEnd()
      .split('\n');
    const { size } = await stat(logFile);
    expect(size).toBeLessThanOrEqual(32 * 1024 ** 2);
    expect(files.sort()).toEqual(['child.log', 'child.log.1']);
    expect(lines.at(-1)).toBe('12000000');
    const first = Number(lines[0]);
    expect(lines.every((line, index) => line === String(first + index))).toBe(true);
  });

  it('writes on when its supervisor has died', async () => {
    await using folder = await makeTempFolder('child');
    const logFile = join(folder.path, 'child.log');
    const text = 'echo ready; until [ -e go ]; do sleep 0.1; done; echo still here >&2; echo done >&2';
    const program = `
      import { superviseChild } from ${JSON.stringify(new URL('./child.ts', import.meta.url).href)};
      const args = ['-c', 'cd "$0" && ' + ${JSON.stringify(text)}, ${JSON.stringify(folder.path)}];
      const definition = { name: 'child', command: '/bin/sh', args, logFile: ${JSON.stringify(logFile)}, ready: 'line' };
      const report = ({ state }) => { if (state === 'ready') process.kill(process.pid, 'SIGKILL'); };
      await superviseChild(definition, { stop: new AbortController().signal, graceMs: 1000, report });`;
    const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]).catch(
      (error) => error,
    );
    expect(ended.signal).toBe('SIGKILL');
    await writeFile(join(folder.path, 'go'), '');
    const read = () => readFile(logFile, 'utf8').catch(() => '');
    await eventually(async () => (await read()) === 'still here\ndone\n', { what: 'its last words are in the log' });
  });

  it('is replaced when its event loop does not turn any more', async () => {
    await using folder = await makeTempFolder('child');
    const stop = new AbortController();
    const reports: ChildReport[] = [];
    const blocked: string[] = [];
    const text = `process.stdout.write('ready\\n'); process.send('turned', () => { for (;;); })`;
    const definition = { name: 'child', command: process.execPath, args: ['-e', text], ready: 'line' as const };
    const over = superviseChild(
      { ...definition, logFile: join(folder.path, 'child.log'), watchdog: true },
      {
        stop: stop.signal,
        graceMs: 200,
        report: (report) => void reports.push(report),
        onBlocked: (why) => void blocked.push(why),
      },
    );
    const again = await eventually(() => reports.find(({ restarts }) => restarts === 1), {
      what: 'it is started again',
      limitMs: 60_000,
    });
    stop.abort();
    await over;
    expect(again.lastExit).toBe('its event loop did not turn for 10 s');
    expect(blocked).toEqual(['its event loop did not turn for 10 s']);
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
