import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import { afterEach, expect, test, vi } from 'vitest';
import { Contact, type ContactOptions, contactLostMs } from './contact.ts';
import type { Guest } from './guest.ts';

const ready = { vm: 'vm-1' } as unknown as EventData<'vm.ready'>;
const lost = () => new VmTaskError('ssh-lost', 'the connection ended');
const unreachable = () => new VmTaskError('ssh-unreachable', 'nobody answers');

function fakeGuest(): Guest & { closed: boolean } {
  const guest = {
    closed: false,
    async [Symbol.asyncDispose]() {
      guest.closed = true;
    },
  };
  return guest as unknown as Guest & { closed: boolean };
}

function contactWith(options: Partial<ContactOptions>): Contact {
  const signal = new AbortController().signal;
  return new Contact({
    ready,
    connect: async () => fakeGuest(),
    isVmAlive: async () => true,
    refusedMs: null,
    signal,
    log: silentLogger,
    ...options,
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('one connection serves everything that is asked', async () => {
  const connect = vi.fn(async () => fakeGuest());
  const contact = contactWith({ connect });
  const guests = [await contact.reach(async (guest) => guest), await contact.reach(async (guest) => guest)];
  expect(guests[0]).toBe(guests[1]);
  expect(connect).toHaveBeenCalledTimes(1);
});

test('what a lost connection interrupted is done again on the next one, and the first is closed', async () => {
  const guests: ReturnType<typeof fakeGuest>[] = [];
  const connect = async () => {
    guests.push(fakeGuest());
    return guests.at(-1) as Guest;
  };
  const contact = contactWith({ connect });
  let calls = 0;
  const reaching = contact.reach(async () => {
    if (calls++ === 0) throw lost();
    return 'done';
  });
  expect(await reaching).toBe('done');
  expect(guests.map(({ closed }) => closed)).toEqual([true, false]);
});

test('a machine whose process has ended is lost at once', async () => {
  const connect = vi.fn(async () => Promise.reject(unreachable()));
  const contact = contactWith({ connect, isVmAlive: async () => false });
  await expect(contact.reach(async () => 1)).rejects.toMatchObject({ code: 'vm-lost' });
  expect(connect).toHaveBeenCalledTimes(1);
});

test('a machine that is silent for minutes is waited for, and lost when it stays silent', async () => {
  for (const isVmAlive of [async () => true, async () => null]) {
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const connect = vi.fn(async () => {
      nowMs += contactLostMs / 2;
      throw unreachable();
    });
    await expect(contactWith({ connect, isVmAlive }).reach(async () => 1)).rejects.toMatchObject({ code: 'vm-lost' });
    expect(connect).toHaveBeenCalledTimes(3);
  }
});

/** Each try takes so long, by a clock that goes with them; `tries` at most. */
function tryingFor(eachMs: readonly number[], options: Partial<ContactOptions>) {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  let tries = 0;
  const connect = async () => {
    const ms = eachMs[tries++ % eachMs.length] ?? 0;
    if (tries > 5_000) throw new Error('it was never given up');
    nowMs += ms;
    throw unreachable();
  };
  const pause = async (ms: number) => {
    nowMs += ms;
  };
  return { contact: contactWith({ connect, pause, ...options }), nowMs: () => nowMs };
}

test('a machine that runs and refuses every connection is given up within seconds', async () => {
  const { contact, nowMs } = tryingFor([10], { refusedMs: 15_000 });
  await expect(contact.reach(async () => 1)).rejects.toMatchObject({
    code: 'guest-failed',
    message: expect.stringContaining('has refused every connection for 15 s'),
  });
  expect(nowMs()).toBeLessThan(20_000);
});

test.each([
  ['is silent between refusals', [10, 10, 10, 30_000], 15_000],
  ['people may restart', [10], null],
])('a machine that %s is waited for as one that is silent', async (_what, eachMs, refusedMs) => {
  const { contact, nowMs } = tryingFor(eachMs, { refusedMs });
  await expect(contact.reach(async () => 1)).rejects.toMatchObject({ code: 'vm-lost' });
  expect(nowMs()).toBeGreaterThan(contactLostMs);
});

test('another machine, or a refused key, is never tried again', async () => {
  for (const code of ['ssh-host-key-mismatch', 'ssh-auth-failed'] as const) {
    const connect = vi.fn(async () => Promise.reject(new VmTaskError(code, 'no')));
    await expect(contactWith({ connect }).reach(async () => 1)).rejects.toMatchObject({ code });
    expect(connect).toHaveBeenCalledTimes(1);
  }
});

test('a machine that ends every connection is asked less and less often, and given up', async () => {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const pauses: number[] = [];
  const pause = async (ms: number) => {
    pauses.push(ms);
    nowMs += ms;
  };
  let tries = 0;
  const reaching = contactWith({ pause }).reach(async () => {
    if (++tries > 5_000) throw new Error('it was never given up');
    throw lost();
  });
  await expect(reaching).rejects.toMatchObject({ code: 'guest-failed' });
  expect(tries).toBeLessThan(100);
  expect(pauses.slice(0, 4)).toEqual([250, 500, 1_000, 2_000]);
  expect(nowMs).toBeLessThan(2 * contactLostMs);
});

test('connections that last are lost now and then for as long as it takes', async () => {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  let tries = 0;
  const pauses: number[] = [];
  const pause = async (ms: number) => void pauses.push(ms);
  const reached = await contactWith({ pause }).reach(async () => {
    nowMs += 60_000;
    if (++tries < 200) throw lost();
    return 'done';
  });
  expect(reached).toBe('done');
  expect(new Set(pauses)).toEqual(new Set([250]));
});
