/** The disk under the broker is full for a while: a small filesystem in memory that is mounted for the test. */

import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { type Home, homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { storedIn } from '@vm-task/testing/stored';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { noteUndo } from '@vm-task/testing/undo';
import { expect, test } from 'vitest';
import { createBoard } from './board.ts';
import { superviseBroker } from './supervise-broker.ts';

const run = promisify(execFile);

async function mountSmallDisk(folder: string): Promise<AsyncDisposable> {
  await using made = new AsyncDisposableStack();
  await mkdir(folder, { recursive: true });
  made.use(noteUndo('umount', '--lazy', folder));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'vm-task-test', folder]);
  made.defer(async () => void (await run('umount', ['--lazy', folder])));
  return made.move();
}

async function fill(folder: string): Promise<() => Promise<void>> {
  const filler = join(folder, 'filler');
  const { bavail, bsize } = await statfs(folder);
  await writeFile(filler, Buffer.alloc(bavail * bsize - 1024 * 1024));
  return () => rm(filler);
}

async function startEmbedded(home: Home) {
  const stop = new AbortController();
  const board = createBoard(home, 'all', () => undefined);
  const { answering, gone } = superviseBroker(home, sampleScope, 0, board, stop.signal);
  await answering;
  const dispose = async () => {
    stop.abort();
    await gone;
  };
  return { board, [Symbol.asyncDispose]: dispose };
}

needs.root(test)(
  'a disk that was full wedges its streams, until the broker is restarted when there is room',
  async () => {
    await using folder = await makeTempFolder('full-disk');
    const home = homeAt(folder.path);
    await using _disk = await mountSmallDisk(home.nats);
    for (const path of [home.run, home.logs]) await mkdir(path, { recursive: true });
    await using embedded = await startEmbedded(home);
    await using submitter = await openConnection(readBrokerAddress(home, 'submit'), 'test submit');
    await using system = await openConnection(readBrokerAddress(home, 'system'), 'test system');
    const submit = () => submitter.js.publish('task.submit', 'x'.repeat(100_000), { timeout: 1_000 });
    const { seq } = await submit();
    const before = embedded.board.state.nats?.pid;
    const empty = await fill(home.nats);
    const isWedged = () =>
      submit().then(
        () => false,
        (error: Error) => error.message.includes('timeout'),
      );
    await eventually(isWedged, { what: 'publishes time out' });
    // The server itself answers: nothing but a publish tells.
    await system.nc.rtt();
    expect((await system.jsm.streams.info('COMMANDS')).state.last_seq).toBeGreaterThanOrEqual(seq);
    await empty();
    await eventually(submit, { what: 'submissions are stored again', limitMs: 60_000 });
    expect(embedded.board.state.nats?.pid).not.toBe(before);
    const alert = await eventually(
      () => system.jsm.streams.getMessage('EVENTS', { last_by_subj: 'alert.raised.*.*.*.*' }),
      { what: 'the alert', limitMs: 60_000 },
    );
    const { subject, time, header: headers, data } = alert;
    expect(storedIn({ seq: alert.seq, subject, time, headers, data })).toMatchObject({
      data: { kind: 'disk-full', severity: 'critical' },
    });
    expect(await system.jsm.streams.getMessage('COMMANDS', { seq })).not.toBeNull();
  },
);
