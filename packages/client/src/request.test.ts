import { routes } from '@vm-task/api/api';
import { errorInfo } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** A client of a server that gives these answers, one after the other; an error stands for a connection that fails. */
function clientOf(answers: readonly (Response | Error)[], isComingBack?: () => boolean) {
  const asked: Asked[] = [];
  const rest = [...answers];
  const fake: typeof fetch = async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    asked.push({ method: init?.method ?? '', url: String(input), headers, body: init?.body });
    const answer = rest.shift() ?? new Error('nothing more was to be asked');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const options = { fetch: fake, ...(isComingBack === undefined ? {} : { isComingBack }) };
  return { client: createClient({ url: 'http://127.0.0.1:1', token: 'secret' }, options), asked };
}

const problem = (status: number, body: object) => Response.json(body, { status });
const accepted = () => Response.json({ id: 'x' }, { status: 202 });
const refused = new TypeError('fetch failed');

test('a question is a method, an address and a token', async () => {
  const { client, asked } = clientOf([accepted(), Response.json({ tasks: [], next: null }), new Response('bytes')]);
  await client.tasks.submit({ run: 'echo 垃圾域名' }, 'key 1');
  await client.tasks.list({ status: 'queued', label: ['a=1', 'b=ü&c'], limit: 5, pool: undefined });
  await client.tasks.artifact('01/2', 'out/a #1?.json');
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'POST http://127.0.0.1:1/v1/tasks',
    'GET http://127.0.0.1:1/v1/tasks?status=queued&label=a%3D1&label=b%3D%C3%BC%26c&limit=5',
    'GET http://127.0.0.1:1/v1/tasks/01%2F2/artifacts/out/a%20%231%3F.json',
  ]);
  expect(asked[0]).toMatchObject({
    headers: { authorization: 'Bearer secret', 'content-type': 'application/json', 'idempotency-key': 'key 1' },
    body: '{"run":"echo 垃圾域名"}',
  });
  expect(asked[1]?.headers).toEqual({ authorization: 'Bearer secret' });
});

test.each([
  [
    problem(404, { code: 'task-not-found', detail: 'there is none' }),
    { code: 'task-not-found', message: 'there is none' },
  ],
  [problem(418, { code: 'of-a-later-version', detail: 'so it is' }), { code: 'internal', message: 'so it is' }],
  [problem(500, { title: 'alas' }), { code: 'internal', message: 'alas' }],
  [new Response('<html>', { status: 502 }), { code: 'internal', message: 'HTTP 502' }],
  [problem(503, {}), { code: 'not-up', message: 'intake is stopping; see ./vm-task status' }],
  [problem(503, { code: 'stream-full', detail: 'later' }), { code: 'stream-full', message: 'later' }],
  [refused, { code: 'not-up', message: 'intake does not answer at http://127.0.0.1:1; see ./vm-task status' }],
])('a refusal is one of our errors (%#)', async (answer, info) => {
  const { client } = clientOf([answer]);
  expect(await client.tasks.show('x').catch(errorInfo)).toEqual(info);
});

test('while intake is coming back it is asked again, and not any more once it is not', async () => {
  const coming = clientOf([refused, problem(503, {}), Response.json({ status: 'ok' })], () => true);
  expect(await coming.client.system.health()).toEqual({ status: 'ok' });
  let looks = 2;
  const gone = clientOf([refused, refused, refused], () => --looks > 0);
  expect(await gone.client.system.health().catch(errorInfo)).toMatchObject({ code: 'not-up' });
  expect(gone.asked).toHaveLength(2);
});

test('what would be done twice is asked once only', async () => {
  const { client, asked } = clientOf([refused, accepted()], () => true);
  expect(await client.tasks.submit({}).catch(errorInfo)).toMatchObject({ code: 'not-up' });
  expect(asked).toHaveLength(1);
});

test('what intake does not show yet is asked for again while it reads on, and a change only where that may be repeated', async () => {
  const behind = (events: number) => problem(503, { code: 'projection-behind', detail: 'wait', behind: events });
  const { client, asked } = clientOf([behind(2_000), behind(2_000), behind(1), Response.json({ events: [] })]);
  expect(await client.tasks.events('x')).toEqual({ events: [] });
  expect(asked).toHaveLength(4);
  const late = clientOf([problem(503, { code: 'projection-behind', detail: 'wait' })]).client.tasks.events('x');
  expect(await late.catch(errorInfo)).toMatchObject({ code: 'projection-behind', message: 'wait' });
  const once = clientOf([behind(1), accepted()]).client.tasks.retry('x');
  expect(await once.catch(errorInfo)).toMatchObject({ code: 'projection-behind' });
});

test('whoever gives up is not kept waiting', async () => {
  const stop = new AbortController();
  const { client } = clientOf([refused], () => {
    stop.abort(new Error('enough'));
    return true;
  });
  await expect(client.system.description(stop.signal)).rejects.toThrow('enough');
});

test('an address that is asked for anew is found anew', async () => {
  const urls = ['http://a', 'http://b'];
  const seen: string[] = [];
  const fake: typeof fetch = async (input) => {
    seen.push(new URL(String(input)).host);
    return Response.json({ status: 'ok' });
  };
  const client = createClient(async () => ({ url: urls.shift() ?? '', token: 't' }), { fetch: fake });
  await client.system.health();
  await client.system.ready();
  expect(seen).toEqual(['a', 'b']);
  expect(routes.system.ready.path).toBe('/readyz');
});
