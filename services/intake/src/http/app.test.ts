import { readFileSync } from 'node:fs';
import { allRoutes } from '@vm-task/api/api';
import { Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { parseConfig } from '@vm-task/service/config';
import { errorCodes } from '@vm-task/shared/errors';
import { newTaskId } from '@vm-task/shared/new-ids';
import { taskMaxBytes } from '@vm-task/shared/task-spec';
import { Cloud } from '@vm-task/testing/fake-driver/cloud';
import { fakeDriver } from '@vm-task/testing/fake-driver/declaration';
import { vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { appOf } from '../../test/app-by-hand.ts';
import { apiForEachTest, authorization } from '../../test/app-for-each-test.ts';
import { completed, created } from '../../test/task-events.ts';

const api = apiForEachTest();

test('without the token nothing is answered but whether it is alive', async () => {
  for (const url of ['/v1/tasks', '/metrics', '/openapi.json', '/nothing', '/v1/pools']) {
    for (const wrong of ['', 'Bearer', 'Bearer wrong', 'Basic right', 'Bearer right2', 'right']) {
      const answer = await api.get(url, { authorization: wrong });
      expect([url, wrong, answer.statusCode, answer.json().code]).toEqual([url, wrong, 401, 'unauthorized']);
    }
  }
  expect((await api.get('/healthz', {})).statusCode).toBe(200);
});

test('a page that gave this machine a name of its own is refused, and nobody gets a CORS header', async () => {
  for (const host of ['evil.example', 'evil.example:7788', '127.0.0.1.evil.example']) {
    const answer = await api.get('/v1/tasks', { authorization, host });
    expect([host, answer.statusCode, answer.json().code]).toEqual([host, 421, 'host-refused']);
  }
  for (const host of ['127.0.0.1:7788', 'localhost', 'LOCALHOST:1', '[::1]:7788']) {
    const answer = await api.get('/v1/tasks', { authorization, host, origin: 'http://evil.example' });
    expect([host, answer.statusCode]).toEqual([host, 200]);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('every error is a problem document with a stable code', async () => {
  const answer = await api.get(`/v1/tasks/${newTaskId(0)}`);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json\b/);
  expect(answer.json()).toEqual({
    type: 'urn:vm-task:error:task-not-found',
    title: errorCodes['task-not-found'].title,
    status: 404,
    detail: expect.stringContaining('there is no task'),
    code: 'task-not-found',
  });
});

test.each(['*', '%3E', '..%2F..%2Fetc', '%00%00%00%00%00%00%00%00', 'short', 'x'.repeat(90), '0123456G'])(
  'the id %s is refused before anything is looked for',
  async (id) => {
    const answer = await api.get(`/v1/tasks/${id}`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid-id']);
  },
);

test('an ambiguous beginning lists its candidates, also in the document', async () => {
  const ids = [newTaskId(5e12), newTaskId(5e12)].sort();
  for (const id of ids) api.events.put(created(id));
  api.show();
  const answer = await api.get(`/v1/tasks/${ids[0]?.slice(0, 10)}`);
  expect(answer.json()).toMatchObject({ status: 409, code: 'ambiguous-id', candidates: ids });
});

test('a wrong body, key, type or size is answered with a sentence', async () => {
  const post = async (payload: string | Buffer, type = 'application/json') => {
    const headers = { authorization, 'content-type': type };
    const { code, detail } = (await api.app.inject({ method: 'POST', url: '/v1/tasks', headers, payload })).json();
    return `${code}: ${detail}`;
  };
  expect(await post('{"runn":"x"}')).toMatch(/^invalid-task: runn: unknown key; did you mean "run"\?/);
  expect(await post('{')).toMatch(/^invalid-request: .*not valid JSON/);
  expect(await post('a: &a [*a, *a]', 'application/yaml')).toMatch(/^invalid-task: /);
  expect(await post('run: [', 'application/yaml')).toMatch(/^invalid-task: the body is not YAML/);
  const list = 'run: x\nlabels:\n'.padEnd(300_000, '  k: v\n');
  expect(await post(list, 'application/yaml')).toMatch(
    /^payload-too-large: the body may have 262144 characters as YAML/,
  );
  expect(await post('run: one\n---\nrun: two', 'application/yaml')).toMatch(
    /^invalid-task: .*second document at line 2/,
  );
  expect(await post('{"run":"x","inputs":{"n":9007199254740993}}')).toMatch(
    /^invalid-request: the body cannot be taken: the number 9007199254740993 at line 1 .* in quotes/,
  );
  expect(await post('{"run":"x","run":"y"}')).toMatch(/^invalid-request: .*the key "run" is there twice/);
  expect(await post(Buffer.from('{"run":"ü"}', 'latin1'))).toMatch(
    /^invalid-request: the body cannot be taken: .*UTF-8/,
  );
  expect(await post(Buffer.from('run: ü', 'latin1'), 'application/yaml')).toMatch(/^invalid-request: .*UTF-8/);
  expect(await post('{"run":"x"}', 'application/json; charset=iso-8859-1')).toMatch(/^unsupported-media-type: .*UTF-8/);
  expect(await post('hello', 'text/plain')).toMatch(/^unsupported-media-type: .*text\/plain/);
  const large = JSON.stringify({ run: 'x'.repeat(taskMaxBytes) });
  expect(await post(large)).toContain(
    `payload-too-large: the body has ${large.length} bytes and may have ${taskMaxBytes}`,
  );
  expect(api.events.stored).toEqual([]);
  expect((await api.get('/v1/tasks?stauts=queued')).json().detail).toMatch(
    /stauts: unknown key; did you mean "status"/,
  );
});

test('a body that is encoded is refused as such, and not for what it would be without', async () => {
  const headers = { authorization, 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const answer = await api.app.inject({ method: 'POST', url: '/v1/tasks', headers, payload: '{"run":"x"}' });
  expect([answer.statusCode, answer.json().code]).toEqual([415, 'unsupported-media-type']);
  expect(answer.json().detail).toContain('gzip');
  const plain = { ...headers, 'content-encoding': 'identity' };
  expect(
    (await api.app.inject({ method: 'POST', url: '/v1/tasks', headers: plain, payload: '{"run":"x"}' })).statusCode,
  ).toBe(202);
});

test.each([
  ['PUT', '/v1/tasks', 'GET, HEAD, POST'],
  ['PATCH', `/v1/tasks/${newTaskId(0)}`, 'DELETE, GET, HEAD'],
  ['OPTIONS', '/v1/pools?x=1', 'GET, HEAD'],
  ['POST', `/v1/tasks/${newTaskId(0)}/artifacts/a/b`, 'GET, HEAD'],
] as const)('%s of %s is not allowed, and the answer says what is', async (method, url, allow) => {
  const answer = await api.app.inject({ method, url, headers: { authorization } });
  expect([answer.statusCode, answer.headers['allow']]).toEqual([405, allow]);
  expect(answer.json()).toMatchObject({ code: 'method-not-allowed', status: 405 });
  expect((await api.app.inject({ method, url: '/v1/nothing', headers: { authorization } })).statusCode).toBe(404);
});

test('a key that nobody may use is named, whoever reads the body; one that is only odd is taken', async () => {
  const post = async (url: string, payload: string, type = 'application/json') => {
    const headers = { authorization, 'content-type': type };
    const answer = await api.app.inject({ method: 'POST', url, headers, payload });
    return `${answer.statusCode} ${answer.json().detail}`;
  };
  const sentence = 'no key may be called "__proto__"';
  expect(await post('/v1/tasks', '{"run":"x","inputs":{"a":{"__proto__":{}}}}')).toContain(sentence);
  expect(await post('/v1/tasks', '{"run":"x","inputs":{"\\u005f_proto__":{}}}')).toContain(sentence);
  expect(await post('/v1/tasks', 'run: x\ninputs: { __proto__: 1 }', 'application/yaml')).toContain(sentence);
  expect(await post(`/v1/tasks/${newTaskId(0)}/complete`, '{"result":{"__proto__":1}}')).toContain(sentence);
  expect(await post('/v1/tasks', '{"run":"x","inputs":{"constructor":{"prototype":1}}}')).toMatch(/^202/);
});

test.each(['', '0x10', '1e2', '-1', '0', '1001', '1&limit=2', ' 5'])(
  'a limit of %j is no number of things',
  async (limit) => {
    for (const url of ['/v1/tasks', '/v1/pipelines', '/v1/inbox', '/v1/deadletters']) {
      const answer = await api.get(`${url}?limit=${limit}`);
      expect([url, answer.statusCode, answer.json().detail]).toEqual([
        url,
        400,
        'querystring: limit: must be a number from 1 to 1000',
      ]);
    }
  },
);

test('an id is the same in upper case', async () => {
  const task = newTaskId(Date.now());
  api.events.put(created(task));
  api.show();
  for (const id of [task.toUpperCase(), task.slice(0, 13).toUpperCase()]) {
    expect((await api.get(`/v1/tasks/${id}`)).json()).toMatchObject({ id: task });
  }
});

test('YAML and JSON make the same task, and the answer says where it is', async () => {
  const headers = { authorization, 'content-type': 'application/yaml' };
  const answer = await api.app.inject({ method: 'POST', url: '/v1/tasks', headers, payload: 'run: echo 垃圾域名\n' });
  const { id } = answer.json();
  expect([answer.statusCode, answer.headers['location']]).toEqual([202, `/v1/tasks/${id}`]);
  expect(api.events.stored[0]).toMatchObject({ data: { task: id, spec: { main: { script: 'echo 垃圾域名' } } } });
});

test('pages follow one another, and several labels must all hold', async () => {
  const ids = [1, 2, 3].map(() => newTaskId(Date.now()));
  for (const [n, id] of ids.entries()) {
    api.events.put(created(id, { run: 'x', labels: { team: 'a', n: String(n) } }));
  }
  api.show();
  const page = async (query: string) => {
    const { tasks, next } = (await api.get(`/v1/tasks?${query}`)).json();
    return { found: tasks.map(({ id }: { id: never }) => ids.indexOf(id)), next };
  };
  const first = await page('limit=2');
  expect(first).toEqual({ found: [2, 1], next: expect.any(String) });
  expect(await page(`limit=2&after=${first.next}`)).toEqual({ found: [0], next: null });
  expect((await page('label=team=a&label=n=1')).found).toEqual([1]);
  expect((await page('label=team=b')).found).toEqual([]);
});

test('pools of a driver that nobody here has heard of are listed with the others, and take tasks', async () => {
  const cloud = new Cloud({ access: vmReady(newTaskId(0)).data.access, privateKey: '' });
  const drivers = new Drivers([...knownDrivers.all, fakeDriver(cloud)]);
  const sizes = [{ cpus: 1, memoryMiB: 512, diskMiB: 1024 }];
  const moon = { driver: 'fake', region: 'moon', sizes, max: 2 };
  const machine = 'driver: ssh, host: h, user: u, key: k, hostKey: ssh-ed25519 AAAA';
  const text = `{ pools: { default: {}, kali: { ${machine} }, moon: ${JSON.stringify(moon)} } }`;
  const other = await appOf({
    config: parseConfig(text, 'test', drivers),
    events: api.events,
    projection: api.projection,
  });
  const headers = { authorization };
  const payload = { pool: 'moon', run: 'true' };
  expect((await other.inject({ method: 'POST', url: '/v1/tasks', headers, payload })).statusCode).toBe(202);
  expect(api.events.stored[0]).toMatchObject({ data: { pool: 'moon', spec: { image: 'moon', size: sizes[0] } } });
  api.show();
  const { pools } = (await other.inject({ method: 'GET', url: '/v1/pools', headers })).json();
  expect(pools).toMatchObject([
    { name: 'default', driver: 'qemu', image: 'python', max: 4, warm: 1, tasks: { queued: 0 } },
    { name: 'kali', driver: 'ssh', image: 'kali', sizes: [{ cpus: 2, memoryMiB: 2048 }], max: 1, warm: 0 },
    { name: 'moon', driver: 'fake', image: 'moon', sizes, max: 2, warm: 0, tasks: { queued: 1 } },
  ]);
  await other.close();
});

test('cancelling a task that has ended is refused with its outcome', async () => {
  const task = newTaskId(Date.now());
  api.events.put(created(task));
  api.show();
  const cancel = () => api.app.inject({ method: 'DELETE', url: `/v1/tasks/${task}`, headers: { authorization } });
  expect((await cancel()).statusCode).toBe(202);
  api.show();
  expect((await cancel()).statusCode).toBe(202);
  api.events.put(completed(task, null, { outcome: 'cancelled' }));
  expect((await cancel()).json()).toMatchObject({ status: 409, code: 'task-already-over', outcome: 'cancelled' });
});

test('every reference in the API description leads somewhere', async () => {
  const text = (await api.get('/openapi.json')).body;
  const { components } = JSON.parse(text);
  const names = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
  expect(names.filter((name) => components.schemas[name ?? ''] === undefined)).toEqual([]);
});

test('what is served is the contract, route for route', async () => {
  const { paths } = (await api.get('/openapi.json')).json();
  const served = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const promised = allRoutes.map(
    ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}').replace('*', '{*}')}`,
  );
  expect(served.sort()).toEqual(promised.sort());
});

test('docs/openapi.json describes what is served', async () => {
  const file = new URL('../../../../docs/openapi.json', import.meta.url);
  const committed = JSON.parse(readFileSync(file, 'utf8'));
  expect(committed, 'write it anew: pnpm run openapi').toEqual((await api.get('/openapi.json')).json());
});
