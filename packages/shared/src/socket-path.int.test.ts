import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { shortSocketPath } from './socket-path.ts';

test.each(['short', 'deep/'.repeat(40)])(
  'a socket is listened on and dialled, however long its path is: %s',
  async (deep) => {
    await using folder = await makeTempFolder('socket');
    mkdirSync(join(folder.path, deep), { recursive: true });
    const full = join(folder.path, deep, 'http.sock');
    using there = shortSocketPath(full);
    const server = createServer((socket) => socket.end('hello')).listen(there.path);
    await once(server, 'listening');
    using here = shortSocketPath(full);
    const [said] = (await once(connect(here.path), 'data')) as [Buffer];
    expect(said.toString()).toBe('hello');
    server.close();
    await once(server, 'close');
  },
);

test('a folder that is not there is an error, and nothing stays open', () => {
  expect(() => shortSocketPath(`/${'deep/'.repeat(40)}http.sock`)).toThrow('ENOENT');
});
