/** A file server that answers otherwise than it was asked: nothing of the runner's own is taken for a file, and it ends. */
import { setImmediate as turn } from 'node:timers/promises';
import {
  answeringAttributes,
  answeringData,
  answeringHandle,
  answeringOk,
  attributes,
  entry,
  type FileAnswers,
  folderMode,
  serveFiles,
  withoutAnswer,
} from '@vm-task/testing/hostile-files';
import { startMaliciousGuest } from '@vm-task/testing/malicious-guest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connect } from '../connect.ts';
import { never } from '../test-job.ts';
import { type ArtifactReport, collectArtifacts } from './collect.ts';
import { placeFiles } from './place-files.ts';

const guestFailed = expect.objectContaining({ code: 'guest-failed' });
const limits = { maxFiles: 10, maxBytes: 1024 * 1024 };

interface Collected {
  readonly report: ArtifactReport;
  readonly bytes: Buffer;
}

async function collectFrom(changes: FileAnswers, patterns = ['**']): Promise<Collected> {
  await using guest = await startMaliciousGuest({ sftp: serveFiles(changes) });
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  const chunks: Uint8Array[] = [];
  const report = await collectArtifacts(connection, { cwd: 'work', patterns, limits, signal: never }, async (file) => {
    for await (const chunk of file.content) chunks.push(Buffer.from(chunk));
  });
  return { report, bytes: Buffer.concat(chunks) };
}

test('an honest one is read', async () => {
  const { report, bytes } = await collectFrom({});
  expect(report.collected).toEqual([{ path: 'out.txt', sizeBytes: 5 }]);
  expect(bytes.toString()).toBe('hello');
});

describe('an answer of another kind is no answer', () => {
  const wrong = { answeringOk, answeringAttributes, answeringData, answeringHandle };

  test.each(['answeringOk', 'answeringAttributes', 'answeringData', 'answeringHandle'] as const)(
    'to a list: %s',
    async (name) => {
      await expect(collectFrom({ READDIR: wrong[name] })).rejects.toThrowError(guestFailed);
    },
  );

  test.each(['answeringOk', 'answeringAttributes'] as const)('to opening a folder: %s', async (name) => {
    await expect(collectFrom({ OPENDIR: wrong[name] })).rejects.toThrowError(guestFailed);
  });

  test.each(['answeringOk', 'answeringAttributes', 'answeringHandle'] as const)('to a path: %s', async (name) => {
    await expect(collectFrom({ REALPATH: wrong[name] })).rejects.toThrowError(guestFailed);
  });

  test.each(['answeringOk', 'answeringData', 'answeringHandle'] as const)(
    'to what a link leads to: %s',
    async (name) => {
      const link = 0o120777;
      let listed = false;
      const { report } = await collectFrom({
        READDIR: (server, id) => {
          if (listed) return server.status(id, 1);
          listed = true;
          server.name(id, [entry('out.txt', link)]);
        },
        REALPATH: (server, id, path) => server.name(id, [entry(String(path).includes('out') ? '/work/x' : '/work')]),
        STAT: wrong[name],
      });
      expect(report.refused).toMatchObject([{ path: 'out.txt' }]);
    },
  );
});

describe('without an end', () => {
  test('a file that comes byte by byte is refused', async () => {
    const { report } = await collectFrom({ READ: (server, id) => server.data(id, Buffer.from('x')) });
    expect(report.collected).toEqual([]);
    expect(report.refused).toMatchObject([{ path: 'out.txt' }]);
  });

  test('a folder in itself, with the longest names, is given up', async () => {
    let lists = 0;
    const { report } = await collectFrom({
      READDIR: (server, id) => {
        if (lists++ % 2 === 1) return server.status(id, 1);
        server.name(
          id,
          Array.from({ length: 400 }, (_, i) => entry(`${i}${'d'.repeat(250)}`, folderMode)),
        );
      },
    });
    expect(report.refused).toMatchObject([{ reason: expect.stringContaining('folders') }]);
  });

  test('a name that no file has is passed over', async () => {
    let listed = false;
    const { report } = await collectFrom({
      READDIR: (server, id) => {
        if (listed) return server.status(id, 1);
        listed = true;
        server.name(id, [entry('x'.repeat(256)), entry('a\0b'), entry(''), entry('out.txt')]);
      },
    });
    expect(report.collected.map(({ path }) => path)).toEqual(['out.txt']);
  });

  test('a size that is no number of bytes is no size', async () => {
    const { report } = await collectFrom({ LSTAT: (server, id) => server.attrs(id, attributes(2 ** 60)) });
    expect(report.collected).toHaveLength(1);
  });
});

describe('silence', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each(['REALPATH', 'OPENDIR', 'READDIR', 'OPEN', 'READ', 'CLOSE'] as const)('to %s', async (request) => {
    await using guest = await startMaliciousGuest({ sftp: serveFiles({ [request]: withoutAnswer }) });
    await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    const collecting = collectArtifacts(
      connection,
      { cwd: 'work', patterns: ['**'], limits, signal: never },
      async (file) => {
        for await (const _ of file.content);
      },
    );
    expect(await advanceUntil(collecting.catch((error: Error) => error))).toEqual(guestFailed);
    vi.useRealTimers();
  });

  test('to a folder that files are placed in', async () => {
    await using guest = await startMaliciousGuest({ sftp: serveFiles({ STAT: withoutAnswer }) });
    await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    const placing = placeFiles(connection, { folder: 'f', by: '1', files: [], signal: never });
    expect(await advanceUntil(placing.catch((error: Error) => error))).toEqual(guestFailed);
    vi.useRealTimers();
  });

  /** Lets seconds pass, a few at a time, until something has come of it. */
  async function advanceUntil<T>(outcome: Promise<T>): Promise<T | 'nothing'> {
    let over = false;
    void outcome.finally(() => {
      over = true;
    });
    for (let seconds = 0; seconds < 200 && !over; seconds++) {
      for (let turns = 0; turns < 50 && !over; turns++) await turn();
      vi.advanceTimersByTime(1_000);
    }
    return over ? outcome : 'nothing';
  }
});
