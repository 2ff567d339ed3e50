import { silentLogger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import { orAborted } from '@vm-task/shared/or-aborted';
import { afterEach, expect, test, vi } from 'vitest';
import { Attempt } from './attempt.ts';
import { type Collecting, collectOfStopped } from './collect-artifacts.ts';
import { Contact } from './contact.ts';
import type { Guest } from './guest.ts';
import { Secrets } from './secrets.ts';

const ready = { vm: 'vm-1', task: 'task-1', attempt: 1, host: 'host-1' } as unknown as EventData<'vm.ready'>;
const capabilities = { clones: true, warm: true, processOnHost: true, ownSystem: true };
const collecting = { secrets: new Secrets({}), log: silentLogger } as unknown as Collecting;

afterEach(() => {
  vi.restoreAllMocks();
});

/** What is collected from a machine that behaves so; `drained` is the end of the service. */
function collectFrom(collect: Guest['collect'], drained = new AbortController().signal) {
  const attempt = new Attempt(
    { ready, capabilities },
    { expectedSeq: 1, resumed: false, readyAt: new Date(0) },
    drained,
  );
  const guest = { collect, async [Symbol.asyncDispose]() {} } as unknown as Guest;
  const contact = new Contact({
    ready,
    connect: async () => guest,
    isVmAlive: async () => true,
    refusedMs: null,
    signal: drained,
    log: silentLogger,
  });
  return collectOfStopped(attempt, contact, { artifacts: ['*'] }, collecting);
}

const silence: Guest['collect'] = ({ signal }) => orAborted(new Promise(() => {}), signal);

test('a machine that does not give the files of a task that was stopped is waited for so long, and no longer', async () => {
  const limit = new AbortController();
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(limit.signal);
  const collected = collectFrom(silence);
  limit.abort(new Error('the time is over'));
  const message = 'not all were read within 20 s';
  expect(await collected).toEqual({ artifacts: [], error: { code: 'artifact-refused', message } });
  expect(timeout).toHaveBeenCalledWith(20_000);
});

test('a machine that fails meanwhile changes nothing about how the task was stopped', async () => {
  const collected = collectFrom(() => Promise.reject(new VmTaskError('guest-failed', 'no SFTP')));
  expect(await collected).toMatchObject({ artifacts: [], error: { message: 'no SFTP' } });
});

test('a service that ends leaves the files to its successor', async () => {
  const drained = new AbortController();
  const collected = collectFrom(silence, drained.signal);
  drained.abort(new Error('the drain has ended'));
  await expect(collected).rejects.toThrow('the drain has ended');
});
