import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { askHttp } from './ask-http.ts';

async function serve(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/tasks?a=b`);
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url, [Symbol.asyncDispose]: close };
}

const get = { method: 'GET', headers: {}, body: null, signal: null };

test('a question arrives as it is, with the length of its body, and so does the answer', async () => {
  const asked: unknown[] = [];
  await using server = await serve(async (request, response) => {
    asked.push([request.method, request.url, request.headers['x-a'], request.headers['content-length']]);
    asked.push(await text(request));
    response.writeHead(202).end(JSON.stringify({ said: '垃圾' }));
  });
  const reply = await askHttp(server.url, { method: 'POST', headers: { 'x-a': 'b' }, body: '垃', signal: null });
  expect([reply.ok, reply.status, await reply.json()]).toEqual([true, 202, { said: '垃圾' }]);
  expect(asked).toEqual([['POST', '/v1/tasks?a=b', 'b', '3'], '垃']);
});

test('a refusal is an answer, also one that comes before the question has ended', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('{}');
  });
  const reply = await askHttp(server.url, { ...get, method: 'POST', body: 'x'.repeat(10_000_000) });
  expect([reply.ok, reply.status]).toEqual([false, 413]);
});

test('who closes without an answer, or is not there, has not answered', async () => {
  const server = await serve((request) => request.socket.destroy());
  await expect(askHttp(server.url, get)).rejects.toMatchObject({ code: 'ECONNRESET' });
  await server[Symbol.asyncDispose]();
  await expect(askHttp(server.url, get)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('an answer comes piece by piece, and one that breaks off is an error', async () => {
  await using server = await serve((_request, response) => {
    response.write('one', () => setImmediate(() => response.destroy()));
  });
  const { body } = await askHttp(server.url, get);
  const reader = body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('one');
  await expect(reader?.read()).rejects.toThrow('aborted');
});

test('who gives up hears nothing more: before the answer, and within it', async () => {
  await using server = await serve((request, response) => {
    if (request.headers['x-a'] === 'now') response.write('one');
  });
  const early = new AbortController();
  const asking = askHttp(server.url, { ...get, signal: early.signal });
  early.abort(new Error('given up'));
  await expect(asking).rejects.toThrow('given up');
  await expect(askHttp(server.url, { ...get, signal: early.signal })).rejects.toThrow('given up');
  const late = new AbortController();
  const reply = await askHttp(server.url, { ...get, headers: { 'x-a': 'now' }, signal: late.signal });
  const reading = reply.text();
  late.abort(new Error('given up'));
  await expect(reading).rejects.toThrow();
});
