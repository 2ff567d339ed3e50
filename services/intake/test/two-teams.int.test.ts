/**
 * Two teams on one home, by every operation that the API's description has: to one of them nothing of the other's is there,
 * and nothing of it changes. An operation without an example here fails the test.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  changedBetween,
  makeTeamThings,
  type Names,
  namesOfNothing,
  storedBy,
  type TeamThings,
  type ThingKind,
  theirs,
  toldIn,
} from '@vm-task/testing/team-things';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';

/** A request of the other team, by an operation. */
interface Asked {
  /** Things that are named in the place of the parameter; it answers as to names of nothing. */
  readonly names?: readonly ThingKind[];
  /** What is asked for beside it, as in `?to=`. */
  readonly query?: (things: TeamThings) => string;
  readonly body?: (names: Names) => object;
  readonly headers?: Readonly<Record<string, string>>;
  /** 404 where things are named, and 200 to 202 where none are. */
  readonly status?: 403;
}

const tasks: readonly ThingKind[] = ['ended', 'running', 'question'];
const byTask: Asked = { names: tasks };
const byPipeline: Asked = { names: ['pipeline'] };
const byTemplate: Asked = { names: ['template'] };
const byMessage: Asked = { names: ['message', 'toTask'] };
/** About the whole home. */
const forNone: Asked = { names: ['template'], status: 403 };
const own: Asked = {};
const stages = { only: { kind: 'approval', description: 'may it?' } };
const message = { priority: 'normal', from: 'me', text: 'hello' };

const examples: Readonly<Record<string, readonly Asked[]>> = {
  'GET /openapi.json': [own],
  'POST /v1/tasks': [
    { body: () => ({ run: 'true' }) },
    { body: () => ({ run: 'true' }), headers: { 'idempotency-key': theirs } },
  ],
  'GET /v1/tasks': [own, { query: () => `label=${theirs}%3D${theirs}` }, { query: () => 'status=completed' }],
  'GET /v1/tasks/{id}': [byTask],
  'DELETE /v1/tasks/{id}': [byTask],
  'POST /v1/tasks/{id}/retry': [byTask],
  'POST /v1/tasks/{id}/complete': [{ ...byTask, body: () => ({ result: 1 }) }],
  'POST /v1/tasks/{id}/approve': [{ ...byTask, body: () => ({ by: 'me' }) }],
  'POST /v1/tasks/{id}/reject': [{ ...byTask, body: () => ({ by: 'me' }) }],
  'GET /v1/tasks/{id}/events': [byTask],
  'GET /v1/tasks/{id}/logs': [byTask],
  'GET /v1/tasks/{id}/artifacts/{*}': [byTask],
  'POST /v1/pipelines': [{ body: () => ({ pipeline: { name: 'mine', stages } }) }],
  'GET /v1/pipelines': [own, { query: () => 'status=running' }],
  'GET /v1/pipelines/{id}': [byPipeline],
  'DELETE /v1/pipelines/{id}': [byPipeline],
  'POST /v1/pipelines/{id}/resume': [byPipeline],
  'POST /v1/templates': [{ body: () => ({ name: 'mine', task: { run: 'true' } }) }],
  'GET /v1/templates': [own],
  'GET /v1/templates/{name}': [byTemplate],
  'POST /v1/templates/{name}/run': [{ ...byTemplate, body: () => ({}) }],
  'POST /v1/inbox': [
    { body: () => ({ ...message, to: 'anna' }) },
    // Named in the body in place of the address.
    { names: ['running'], body: ({ running }) => ({ ...message, to: running }) },
  ],
  'GET /v1/inbox': [own, { query: () => 'to=anna&archived=true' }, { query: ({ running }) => `to=${running}` }],
  'GET /v1/inbox/{id}': [byMessage],
  'POST /v1/inbox/{id}/read': [byMessage],
  'POST /v1/inbox/{id}/archived': [byMessage],
  'GET /v1/deadletters': [{ ...own, status: 403 }],
  'GET /v1/deadletters/{seq}': [forNone],
  'POST /v1/deadletters/{seq}/replay': [forNone],
  'DELETE /v1/deadletters/{seq}': [forNone],
  'POST /v1/tokens': [{ body: () => ({ name: 'mine', role: 'viewer', team: theirs }), status: 403 }],
  'GET /v1/tokens': [{ ...own, status: 403 }],
  'DELETE /v1/tokens/{name}': [forNone],
  'GET /v1/whoami': [own],
  'GET /v1/teams': [own],
  'GET /v1/teams/{name}': [byTemplate],
  'GET /v1/audit': [{ ...own, status: 403 }],
  'GET /v1/pools': [own],
  'GET /v1/hosts': [own],
  'POST /v1/secrets': [
    { body: () => ({ name: 'mine', value: 'a value of mine' }) },
    { body: () => ({ name: 'mine', value: 'a value of mine', team: theirs }), status: 403 },
  ],
  'GET /v1/secrets': [own, { query: () => `team=${theirs}`, status: 403 }],
  'DELETE /v1/secrets/{name}': [byTemplate],
  'GET /healthz': [own],
  'GET /readyz': [own],
  'GET /metrics': [{ ...own, status: 403 }],
};

/** By operations whose parameter is a name or a number of something else than those things. */
const named: Readonly<Record<string, (things: TeamThings) => string>> = {
  'GET /v1/teams/{name}': () => theirs,
  'DELETE /v1/tokens/{name}': (things) => things.token,
  'DELETE /v1/secrets/{name}': ({ secret }) => secret,
  'GET /v1/deadletters/{seq}': ({ letter }) => String(letter),
  'POST /v1/deadletters/{seq}/replay': ({ letter }) => String(letter),
  'DELETE /v1/deadletters/{seq}': ({ letter }) => String(letter),
};

async function startSystem() {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  const { home } = started.use(await makeHome(broker));
  const intake = started.use(await startIntake(home));
  const jsonAs = (text: string) => async (method: string, path: string, body?: object) => {
    const answer = await askAs(intake, text, method, path, { body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, never>;
  };
  const asAdmin = jsonAs(token);
  const make = async (team: string) =>
    String((await asAdmin('POST', '/v1/tokens', { name: `${team}-all`, role: 'admin', team }))['token']);
  const things = await makeTeamThings(broker, jsonAs(await make(theirs)), asAdmin);
  const other = await make('other');
  const all = started.move();
  return { broker, intake, things, other, asOther: jsonAs(other), [Symbol.asyncDispose]: () => all.disposeAsync() };
}

interface More {
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

function askAs(intake: IntakeProcess, text: string, method: string, path: string, { body, headers = {} }: More) {
  const more = body === undefined ? {} : { body };
  return intake.ask(method, path, { headers: { ...headers, authorization: `Bearer ${text}` }, ...more });
}

/** All of an answer that ends; of one that does not, all up to what the asker itself has sent. */
async function textOf(answer: Response): Promise<string> {
  if (!String(answer.headers.get('content-type')).startsWith('text/event-stream')) return answer.text();
  let text = '';
  for await (const bytes of answer.body ?? []) {
    text += Buffer.from(bytes).toString('utf8');
    if (text.includes('"text":"mine"')) break;
  }
  return text;
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly isLive: boolean;
}

/** As the served description has them. */
async function operationsOf(asOther: (method: string, path: string) => Promise<object>): Promise<readonly Operation[]> {
  const { paths } = (await asOther('GET', '/openapi.json')) as { paths: Record<string, Record<string, object>> };
  const methods = new Set(['get', 'post', 'put', 'patch', 'delete']);
  return Object.entries(paths).flatMap(([path, about]) =>
    Object.entries(about)
      .filter(([method]) => methods.has(method))
      .map(([method, said]) => ({
        method: method.toUpperCase(),
        path,
        isLive: JSON.stringify(said).includes('text/event-stream'),
      })),
  );
}

type System = Awaited<ReturnType<typeof startSystem>>;

/** One way to ask an operation: once with a name of theirs, once with one of nothing. */
interface Way {
  readonly operation: Operation;
  readonly asked: Asked;
  readonly accept: string;
  readonly kind: ThingKind | null;
}

interface Heard {
  readonly status: number;
  /** But for the name that was asked with. */
  readonly text: string;
}

async function hear(system: System, way: Way, names: Names, name: string | null): Promise<Heard> {
  const { intake, things, other } = system;
  const { operation, asked, accept } = way;
  const path = operation.path.replace(/\{\w+\}/, name ?? '').replace('{*}', things.file);
  const query = asked.query === undefined ? '' : `?${asked.query(things)}`;
  const more = { body: asked.body?.(names), headers: { ...asked.headers, accept } };
  const answer = await askAs(intake, other, operation.method, `${path}${query}`, more);
  const text = await textOf(answer);
  // A number is a part of much else.
  return { status: answer.status, text: name === null || /^\d+$/.test(name) ? text : text.replaceAll(name, 'NAME') };
}

/** What is wrong with the answer to another team. */
async function problemsOf(system: System, way: Way): Promise<readonly string[]> {
  const { things } = system;
  const { operation, asked, kind } = way;
  const key = `${operation.method} ${operation.path}`;
  const nothing = namesOfNothing();
  const theirName = kind === null ? null : (named[key]?.(things) ?? things[kind]);
  const ofTheirs = await hear(system, way, things, theirName);
  const ofNothing = kind === null ? null : await hear(system, way, nothing, nothing[kind]);
  const wanted = asked.status ?? (kind === null ? 2 : 404);
  const said = `${key} of ${kind} answers ${JSON.stringify(ofTheirs).slice(0, 400)}`;
  const told = toldIn(ofTheirs.text, things);
  return [
    ...(told.length > 0 ? [`${said}, which tells ${told}`] : []),
    ...(String(ofTheirs.status).startsWith(String(wanted)) ? [] : [`${said}, not ${wanted}`]),
    ...(ofNothing === null || isDeepStrictEqual(ofTheirs, ofNothing)
      ? []
      : [`${said}, and of nothing ${JSON.stringify(ofNothing).slice(0, 400)}`]),
  ];
}

/** A list that is filtered may never have anything to send live. */
function waysOf(operation: Operation): readonly Way[] {
  return (examples[`${operation.method} ${operation.path}`] ?? []).flatMap((asked) => {
    const accepts = operation.isLive && asked.query === undefined ? ['*/*', 'text/event-stream'] : ['*/*'];
    const kinds: readonly (ThingKind | null)[] = asked.names ?? [null];
    return kinds.flatMap((kind) => accepts.map((accept) => ({ operation, asked, accept, kind })));
  });
}

test('every operation of the API has an example here, and none is of an operation that is not there', async () => {
  await using system = await startSystem();
  const operations = (await operationsOf(system.asOther)).map(({ method, path }) => `${method} ${path}`);
  expect([...operations].sort()).toEqual(Object.keys(examples).sort());
});

test('no operation tells another team of anything, or changes it: what is theirs is as what does not exist', async () => {
  await using system = await startSystem();
  const { broker, asOther, things } = system;
  const before = await storedBy(broker);
  await asOther('POST', '/v1/inbox', { to: 'anna', priority: 'normal', from: 'me', text: 'mine' });
  const problems: string[] = [];
  for (const way of (await operationsOf(asOther)).flatMap(waysOf)) problems.push(...(await problemsOf(system, way)));
  expect(problems).toEqual([]);
  expect(changedBetween(before, await storedBy(broker), things)).toEqual([]);
});
