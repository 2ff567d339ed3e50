/** What HTTP itself refuses is a problem document, too: these need a server, and a client that keeps to no rule. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { problemSchema } from '@vm-task/api/problem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appOf } from '../../test/app-by-hand.ts';
import { memoryEvents } from '../../test/memory-events.ts';
import { config } from '../../test/task-events.ts';
import { openDatabase } from '../projection/open-database.ts';
import { createProjection } from '../projection/projection.ts';
import type { App } from './server.ts';

const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 0 }));
let app: App;

beforeAll(async () => {
  app = await appOf({ config, events: memoryEvents(), projection });
  await app.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await app.close();
  projection[Symbol.dispose]();
});

/** What the server answers to these bytes before it closes. */
async function answerTo(request: string) {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  socket.on('error', () => undefined);
  socket.write(request);
  await once(socket, 'close');
  const [head = '', body = ''] = said.split('\r\n\r\n');
  return { head, problem: problemSchema.parse(JSON.parse(body)) };
}

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\n${['connection: close', 'authorization: Bearer right', ...headers].join('\r\n')}\r\n\r\n`;

test.each([
  ['an address of 20 kB', get(`/v1/tasks?label=${'x'.repeat(20_000)}`, 'host: localhost'), 431, 'headers-too-large'],
  ['no host', get('/v1/tasks'), 421, 'host-refused'],
  ['an empty host', get('/v1/tasks', 'host:'), 421, 'host-refused'],
  ['what is no HTTP', 'hello\r\n\r\n', 400, 'invalid-request'],
  ['a length that is none', get('/v1/tasks', 'host: localhost', 'content-length: x'), 400, 'invalid-request'],
])('%s is answered with a problem document', async (_, request, status, code) => {
  const { head, problem } = await answerTo(request);
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  expect(problem).toMatchObject({ status, code, type: `urn:vm-task:error:${code}` });
});

test('who does not come to the end of a request is not waited for without end', () => {
  expect(app.server.requestTimeout).toBe(60_000);
});
