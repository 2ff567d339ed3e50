import type { MachineState } from '@vm-task/hypervisor/hypervisor';
import { silentLogger } from '@vm-task/service/log';
import { expect, test } from 'vitest';
import { Machine } from './machine.ts';

const away: MachineState = { kind: 'away', reason: 'no route' };
const there: MachineState = { kind: 'there', weaker: null };

/** A machine that goes from one state to the next when told to. */
function watched() {
  const told: unknown[] = [];
  const alerts: unknown[] = [];
  const next: ((state: MachineState | null) => void)[] = [];
  const { signal } = new AbortController();
  const machine = new Machine({
    pool: 'kali',
    host: 'host-1',
    bus: { announce: async ({ data, host }) => void alerts.push([data, host]) },
    hypervisor: {
      async *watch() {
        for (;;) {
          const { promise, resolve } = Promise.withResolvers<MachineState | null>();
          next.push(resolve);
          const state = await promise;
          if (state === null) return;
          yield state;
        }
      },
    },
    tellProgress: (_pool, now) => void told.push(now?.note ?? null),
    log: silentLogger,
    stop: signal,
  });
  const watching = machine.watch();
  const become = async (state: MachineState | null) => {
    const turn = new Promise((resolve) => setImmediate(resolve));
    next.shift()?.(state);
    await turn;
  };
  return { machine, become, watching, told, alerts };
}

test('tasks wait until the machine is there, and again when it has gone', async () => {
  const { machine, become, watching } = watched();
  const never = new AbortController().signal;
  const first = machine.there(never);
  await become(away);
  await become(there);
  await first;
  await become(away);
  const impatient = new AbortController();
  const second = machine.there(impatient.signal);
  impatient.abort(new Error('draining'));
  await expect(second).rejects.toThrow();
  await become(null);
  await watching;
});

test('why it is away is told to people, and once for each time that it goes', async () => {
  const { become, watching, told, alerts } = watched();
  for (const state of [away, away, there, away, null]) await become(state);
  await watching;
  expect(told).toEqual(['away: no route', 'away: no route', null, 'away: no route']);
  const text = 'the named VM "kali" is away, and its tasks wait: no route';
  const alert = [{ v: 1, severity: 'warning', kind: 'named-vm-away', id: 'kali', text }, 'host-1'];
  expect(alerts).toEqual([alert, alert]);
});
