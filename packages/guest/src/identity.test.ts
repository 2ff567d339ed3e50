import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { newIdentity, takeIdentity } from './identity.ts';

const access = { host: '127.0.0.1', port: 1, user: 'root', hostKey: 'ssh-ed25519 snapshot' };
const frame = (kind: string, bytes = '') => `${kind} ${Buffer.byteLength(bytes)}\n${bytes}`;

/** What a clone says: `answers` in their order, each after one request. */
function clone(...answers: readonly string[]) {
  const [port, inside] = duplexPair();
  const left = [...answers];
  inside.on('data', (bytes: Buffer) => {
    if (!bytes.toString('latin1').endsWith('end 0\n')) return;
    const answer = left.shift();
    if (answer === undefined) inside.end();
    else inside.write(answer);
  });
  return port;
}

const identity = newIdentity('vm-1');
const now = () => (Date.now() / 1_000).toFixed(9);

function proofOf(changes: Partial<Record<'random' | 'machineid' | 'hostname' | 'loginkeys', string>> = {}): string {
  const proof = {
    random: 'r'.repeat(64),
    machineid: `${identity.machineId}\n`,
    hostname: 'vm-1\n',
    loginkeys: `${identity.loginKey.publicKey}\n`,
    ...changes,
  };
  return Object.entries(proof)
    .map(([kind, bytes]) => frame(kind, bytes))
    .join('')
    .concat(frame('done'));
}

function take(port: ReturnType<typeof clone>, signal = new AbortController().signal) {
  return takeIdentity(port, identity, { access, timeoutMs: 20_000, signal });
}

test('a clone that has proved its identity is reached with its own host key', async () => {
  const proven = await take(clone(frame('done'), proofOf(), frame('now', now())));
  expect(proven.access).toEqual({ ...access, hostKey: identity.hostKey.publicKey });
  expect(proven).toMatchObject({ machineId: identity.machineId, hostname: 'vm-1' });
  expect(proven.randomSha256).toMatch(/^[0-9a-f]{64}$/);
});

test.each([
  ['another machine-id', [frame('done'), proofOf({ machineid: 'x' }), frame('now', now())], 'machine-id'],
  ['another host name', [frame('done'), proofOf({ hostname: 'vm-2' }), frame('now', now())], 'host name'],
  ['one more login key', [frame('done'), proofOf({ loginkeys: 'a\nb' }), frame('now', now())], 'accepted keys'],
  ['too little of its random pool', [frame('done'), proofOf({ random: 'r' }), frame('now', now())], 'random pool'],
  ['a clock that is off', [frame('done'), proofOf(), frame('now', '1.000000000')], 'clock'],
  ['a clock that is no number', [frame('done'), proofOf(), frame('now', 'noon')], 'clock'],
  ['a frame out of place', [frame('hostname', 'vm-1')], 'hostname'],
  ['its own refusal', [frame('failed', 'cannot write /etc/hostname')], 'cannot write /etc/hostname'],
  ['no frame', ['x'.repeat(200)], 'x'],
  ['nothing more', [frame('done')], 'closed before its answer'],
])('of a clone that answers with %s nothing is taken', async (_what, answers, said) => {
  const failure = take(clone(...answers));
  await expect(failure).rejects.toMatchObject({ code: 'identity-failed' });
  await expect(failure).rejects.toThrow(said);
});

test('who gives up waits no longer for a clone that is silent', async () => {
  const giveUp = new AbortController();
  const [port] = duplexPair();
  const taking = take(port, giveUp.signal);
  giveUp.abort(new Error('it is not wanted any more'));
  await expect(taking).rejects.toThrow('it is not wanted any more');
  expect(port.destroyed).toBe(true);
});
