/**
 * What the broker can be made to say for somebody else: it answers a request on whatever reply subject the request names.
 * Every request of those without streams of their own is made with every subject of every stream as its reply subject, and
 * with a well-formed event of the victim as its content.
 */
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import type { Stored } from '@vm-task/shared/events';
import { commandSubjects, taskSubject, vmGoneSubject } from '@vm-task/shared/subjects';
import { type Broker, type BusConnection, sampleScope, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { append } from '@vm-task/testing/event-worker';
import { completed, created, sampleTask, sampleVm, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { hostApiPrefix } from './accounts.ts';
import { encode, eventId } from './envelope.ts';
import { streams } from './streams.ts';

const another = 'host-2';
const victim = { pool: 'default', task: sampleTask() };
const vm = sampleVm();

interface Request {
  readonly what: string;
  readonly subject: string;
  readonly body: string | Uint8Array;
  readonly headers?: MsgHdrs;
}

/** A subject for each pattern of each stream: the victim's own where it is about a task, as its host and as control have it. */
function targets(): string[] {
  const patterns = Object.values(streams).flatMap(({ subjects }) => subjects);
  return patterns.flatMap((pattern) => {
    const [about, what] = pattern.split('.');
    if (about === 'task' || about === 'vm') {
      const subject = (host: string) =>
        pattern.startsWith('vm.gone')
          ? vmGoneSubject(victim.pool, vm, host)
          : pattern.replace('*', victim.pool).replace('*', victim.task).replace('*', host);
      if (pattern.includes('*')) return [subject(another), subject('any')];
    }
    return [pattern.replaceAll('*', `${what}-x`).replace(/>$/, 'x')];
  });
}

/** The victim's end, as its host would tell it: in the right place, with the right expectation. */
function forged(expectedSeq: number): { readonly body: Uint8Array; readonly headers: MsgHdrs } {
  const end = completed(victim.task, { vm, outcome: 'failed' }, another);
  const { payload, headers } = encode(end, eventId(end, expectedSeq), 'elsewhere', new Date());
  headers.set('Nats-Expected-Last-Subject-Sequence', String(expectedSeq));
  headers.set('Nats-Expected-Last-Subject-Sequence-Subject', `*.*.${victim.pool}.${victim.task}.*`);
  return { body: payload, headers };
}

const secretOf = (host: string) => JSON.stringify({ last_by_subj: `$KV.secrets.${host}.key` });

/** Everything that somebody could ask, under the API's usual name and under that of hosts, of every stream and durable. */
function requests(expectedSeq: number, own: readonly string[], durables: readonly [string, string][]): Request[] {
  const event = forged(expectedSeq);
  const last = JSON.stringify({ last_by_subj: taskSubject('vm.ready', victim, another) });
  const asked = [hostApiPrefix, '$JS.API'].flatMap((api) => [
    ...Object.keys(streams).flatMap((stream) => [
      { what: 'MSG.GET', subject: `${api}.STREAM.MSG.GET.${stream}`, body: last },
      { what: 'DIRECT.GET', subject: `${api}.DIRECT.GET.${stream}`, body: last },
      { what: 'STREAM.INFO', subject: `${api}.STREAM.INFO.${stream}`, body: '' },
      { what: 'CONSUMER.CREATE', subject: `${api}.CONSUMER.CREATE.${stream}`, body: '' },
    ]),
    { what: 'MSG.GET', subject: `${api}.STREAM.MSG.GET.KV_secrets`, body: secretOf(sampleScope.host) },
    ...[sampleScope.host, another, 'any'].map((host) => ({
      what: 'secret',
      subject: `${api}.DIRECT.GET.KV_secrets.$KV.secrets.${host}.key`,
      body: '',
    })),
    ...durables.map(([stream, name]) => ({
      what: 'MSG.NEXT',
      subject: `${api}.CONSUMER.MSG.NEXT.${stream}.${name}`,
      body: JSON.stringify({ batch: 10, no_wait: true }),
    })),
  ]);
  const acks = durables.map(([stream, name]) => ({
    what: '+NXT',
    subject: `$JS.ACK.${stream}.${name}.1.1.1.1.0`,
    body: '+NXT {"batch": 10}',
  }));
  const said = own.map((subject) => ({ what: 'publish', subject, ...event }));
  return [...asked, ...acks, ...said];
}

/** Push delivery is asked for in the request itself. */
function pushTo({ what, subject, body }: Request, target: string): string | Uint8Array {
  if (what !== 'CONSUMER.CREATE') return body;
  const stream = subject.split('.').at(-1);
  const config = { deliver_subject: target, deliver_policy: 'all', ack_policy: 'none', mem_storage: true };
  return JSON.stringify({ stream_name: stream, config });
}

async function ask({ connection: { nc } }: BusConnection, all: readonly Request[]): Promise<Map<string, number>> {
  const made = new Map<string, number>();
  for (const target of targets()) {
    for (const request of all) {
      nc.publish(request.subject, pushTo(request, target), { reply: target, headers: request.headers ?? newHeaders() });
      made.set(request.what, (made.get(request.what) ?? 0) + 1);
    }
    // What is refused is told as an error of the connection, which is no finding here.
    await nc.flush();
  }
  return made;
}

interface Seen {
  /** Subjects of what was stored since, by stream. */
  readonly stored: readonly string[];
  readonly head: Pick<Stored, 'type' | 'seq'>;
  readonly consumers: readonly string[];
}

async function look({ bus, connection: { jsm } }: Broker, since: Readonly<Record<string, number>>): Promise<Seen> {
  const stored: string[] = [];
  const consumers: string[] = [];
  for (const name of Object.keys(streams)) {
    const { state } = await jsm.streams.info(name);
    for (let seq = (since[name] ?? 0) + 1; seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage(name, { seq });
      if (message !== null) stored.push(message.subject);
    }
    for await (const { name: consumer } of jsm.consumers.list(name)) consumers.push(consumer);
  }
  const head = await bus.head(victim);
  if (head === null || head.type === 'unknown') throw new Error('the victim has a head that can be read');
  return { stored, head: { type: head.type, seq: head.seq }, consumers: consumers.sort() };
}

async function lastSeqs({ connection: { jsm } }: Broker): Promise<Record<string, number>> {
  const all = Object.keys(streams).map(async (name) => [name, (await jsm.streams.info(name)).state.last_seq] as const);
  return Object.fromEntries(await Promise.all(all));
}

const ownDurables: readonly [string, string][] = [
  ['EVENTS', 'runner-host-1'],
  ['EVENTS', 'created-pool-default'],
  ['TIMERS', 'due-pool-default'],
  ['EVENTS', 'intake-task-completed'],
];

/** What whoever submits may say by itself, and so have said, too. */
const submitted: readonly string[] = ['submit', 'cancel', 'submitPipeline', 'cancelPipeline', 'replay'].map(
  (name) => commandSubjects[name as keyof typeof commandSubjects],
);

/** Answers to answers included. */
async function untilQuiet(broker: Broker): Promise<void> {
  let before = '';
  const isQuiet = async () => {
    const now = JSON.stringify(await lastSeqs(broker));
    const isSame = now === before;
    before = now;
    return isSame;
  };
  await eventually(isQuiet, { what: 'nothing more is stored' });
}

const isOfHost = (subject: string) => subject.endsWith(`.${sampleScope.host}`);

test.each([
  ['runner', isOfHost, ['alert.raised.warning.x.y.host-1']],
  ['provisioner', isOfHost, ['alert.raised.warning.x.y.host-1']],
  ['submit', (subject: string) => submitted.includes(subject), ['task.submit', 'task.cancel']],
] as const)('no request of %s makes the broker say anything for anybody else', async (user, isOwn, own) => {
  await using broker = await startBroker({ users: [user] });
  await using attacker = await broker.connect({ user });
  const expectedSeq = await append(
    broker,
    vmReady(victim.task, { vm }, another),
    await append(broker, created(victim.task), 0),
  );
  // As a secret is, but for its content: the worst that an answer could have.
  for (const host of [sampleScope.host, another]) {
    const { body, headers } = forged(expectedSeq);
    headers.delete('Nats-Expected-Last-Subject-Sequence');
    headers.delete('Nats-Expected-Last-Subject-Sequence-Subject');
    await broker.connection.js.publish(`$KV.secrets.${host}.key`, body, { headers });
  }
  const since = await lastSeqs(broker);
  const before = await look(broker, since);
  const made = await ask(attacker, requests(expectedSeq, own, ownDurables));
  await untilQuiet(broker);
  const after = await look(broker, since);
  const foreign = after.stored.filter((subject) => !isOwn(subject));
  const rows = [...made].map(
    ([what, times]) => `${user.padEnd(11)} ${what.padEnd(16)} ${times} foreign reply subjects`,
  );
  process.stdout.write(`${rows.join('\n')}: ${foreign.length} messages of others\n`);
  expect(foreign).toEqual([]);
  expect(after.head).toEqual(before.head);
  expect(after.consumers).toEqual(before.consumers);
  expect(made.get('MSG.GET')).toBeGreaterThan(100);
  // Nothing of it keeps the victim from its end.
  await append(broker, completed(victim.task, { vm }, another), expectedSeq);
});

test("in control's own account a read with such a reply subject is stored: the broker would say anything", async () => {
  await using broker = await startBroker({ users: ['runner'] });
  await using inside = await broker.connect();
  const expectedSeq = await append(
    broker,
    vmReady(victim.task, { vm }, another),
    await append(broker, created(victim.task), 0),
  );
  const reads = requests(expectedSeq, [], []).filter(({ what }) => what === 'MSG.GET');
  const target = taskSubject('task.completed', victim, another);
  for (const { subject, body } of reads) inside.connection.nc.publish(subject, body, { reply: target });
  await eventually(() => broker.connection.jsm.streams.getMessage('EVENTS', { last_by_subj: target }), {
    what: 'the answer is stored',
  });
});
