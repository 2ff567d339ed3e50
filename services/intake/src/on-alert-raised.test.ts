import type { Handling } from '@vm-task/bus/bus';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import type { Sending } from '@vm-task/shared/inbox';
import { alertRaised } from '@vm-task/testing/sample-events';
import { signingKey } from '@vm-task/testing/webhook-receiver';
import { Webhook as Signer } from 'standardwebhooks';
import { expect, test } from 'vitest';
import type { Webhook } from './alerts/webhook.ts';
import { type AlertDeps, onAlertRaised } from './on-alert-raised.ts';

const time = new Date(1_000_000);
const hour = 3_600_000;

function handling(changes: Parameters<typeof alertRaised>[0] = {}, deliveries = 1): Handling<Stored> {
  const event = { ...alertRaised(changes), id: 'x', seq: 7, time, subject: 'x', traceparent: null } as Stored;
  return { event, head: null, deliveries, signal: new AbortController().signal, log: silentLogger };
}

const webhook = (name: string): Webhook => {
  return { name, url: 'http://x', allow: [], retryForMs: hour, signer: new Signer(signingKey) };
};

/** Effects that are remembered; those of `broken` webhooks fail. */
function effects(names: readonly string[], broken: ReadonlySet<string>, ageMs = 0) {
  const sent: (Sending & { id: string; keepMs: number; since: Date })[] = [];
  const posted: string[] = [];
  const known = new Set<string>();
  const deps: AlertDeps = {
    config: parseConfig('alerts: { to: [operators, anna] }', 'test'),
    webhooks: names.map(webhook),
    send: async (sending, options) => sent.push({ ...sending, ...options }),
    async post({ name }, { id }) {
      if (broken.has(name)) throw new VmTaskError('webhook-failed', `webhook "${name}" answered 500`);
      posted.push(`${name} ${id}`);
    },
    async once(key, effect) {
      if (!known.has(key)) await effect();
      known.add(key);
    },
    now: () => time.getTime() + ageMs,
  };
  return { deps, sent, posted };
}

test.each([
  ['info', 'info', 24 * hour],
  ['warning', 'normal', 48 * hour],
  ['critical', 'urgent', 7 * 24 * hour],
] as const)('an alert that is %s is a message that is %s, and goes in its time', async (severity, priority, keepMs) => {
  const { deps, sent } = effects([], new Set());
  const links = [{ title: 'task', href: '/v1/tasks/x' }];
  await onAlertRaised(deps, handling({ severity, text: '垃圾', links }));
  const common = { priority, keepMs, since: time, text: '垃圾', links, from: 'pool-full' };
  expect(sent).toMatchObject([
    { ...common, to: 'operators' },
    { ...common, to: 'anna' },
  ]);
});

test('a redelivered alert makes the same messages and the same posts, another one of its kind makes others', async () => {
  const { deps, sent, posted } = effects(['pager'], new Set());
  await onAlertRaised(deps, handling());
  await onAlertRaised(deps, handling({}, 2));
  expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
  expect(posted).toHaveLength(1);
  const later = handling();
  await onAlertRaised(deps, { ...later, event: { ...later.event, seq: 8 } as Stored });
  expect(new Set(posted).size).toBe(2);
});

test('a webhook that fails is tried again with growing pauses, and holds up no other', async () => {
  const broken = new Set(['broken']);
  const { deps, posted } = effects(['broken', 'pager'], broken);
  const pauses: unknown[] = [];
  for (const deliveries of [1, 2, 3, 20]) {
    const outcome = await onAlertRaised(deps, handling({}, deliveries));
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'webhook "broken" answered 500' });
    pauses.push(outcome.kind === 'retry' && outcome.afterMs);
  }
  expect(pauses).toEqual([2_000, 4_000, 8_000, hour]);
  expect(posted).toHaveLength(1);
  broken.clear();
  expect(await onAlertRaised(deps, handling({}, 5))).toMatchObject({ kind: 'done' });
  expect(posted.map((line) => line.split(' ')[0])).toEqual(['pager', 'broken']);
});

test('past its limit it is a dead letter, of which people are told in their inbox', async () => {
  const { deps, sent } = effects(['broken'], new Set(['broken']), hour);
  expect(await onAlertRaised(deps, handling())).toMatchObject({
    kind: 'reject',
    reason: 'webhook "broken" answered 500',
  });
  expect(sent.map(({ to, from }) => `${from} ${to}`)).toEqual([
    'pool-full operators',
    'pool-full anna',
    'webhooks operators',
    'webhooks anna',
  ]);
});

test('what is nobody’s fault is thrown, for the bus to try again', async () => {
  const { deps } = effects([], new Set());
  const full = { ...deps, send: () => Promise.reject(new VmTaskError('stream-full', 'no room')) };
  await expect(onAlertRaised(full, handling())).rejects.toMatchObject({ code: 'stream-full' });
});

test('an inbox that is full keeps no alert from a webhook', async () => {
  const { deps, posted } = effects(['pager'], new Set());
  const full = { ...deps, send: () => Promise.reject(new VmTaskError('stream-full', 'no room')) };
  await expect(onAlertRaised(full, handling())).rejects.toMatchObject({ code: 'stream-full' });
  expect(posted).toHaveLength(1);
});
