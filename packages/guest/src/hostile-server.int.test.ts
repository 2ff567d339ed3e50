/** An SSH server that answers nothing, and floods: it costs its own connection, and no memory. */
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '@vm-task/testing/conditions';
import { type Attack, begin, startMaliciousGuest, type Visit } from '@vm-task/testing/malicious-guest';
import {
  announceHostKey,
  complainBeyondWindow,
  openWindow,
  ping,
  sendBeyondWindow,
  stopReading,
} from '@vm-task/testing/ssh-floods';
import { expect, test } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import { forwardSocket } from './forward-socket.ts';
import { generateSshKey } from './keys.ts';
import { prepareForJob, runJob } from './run-job.ts';
import { jobStatus } from './stop-job.ts';
import { collect, never, newJob } from './test-job.ts';

const guestFailed = expect.objectContaining({ code: 'guest-failed' });

async function underAttack(attack: Attack, use: (connection: GuestConnection) => Promise<void>): Promise<void> {
  await using guest = await startMaliciousGuest(attack);
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  await use(connection);
}

/** Floods right after the login until the other side goes. */
function flooding(flood: (visit: Visit) => void): Attack {
  return {
    login: (visit) => {
      let open = true;
      visit.client.on('close', () => {
        open = false;
      });
      void (async () => {
        while (open) {
          for (let i = 0; i < 200 && open; i++) flood(visit);
          await turn();
        }
      })();
    },
  };
}

async function expectCut(connection: GuestConnection): Promise<void> {
  await eventually(() => connection.closed, { what: 'the connection is cut' });
  await expect(jobStatus(connection, newJob(), { signal: never })).rejects.toThrowError(guestFailed);
}

test('a server that sends more on a channel than it was let is cut off', async () => {
  const attack: Attack = {
    'verb-start': async (conversation, request, { client }) => {
      await begin(conversation, request);
      const chunk = Buffer.alloc(30_000, 'x');
      for (let at = 0; at < 512 && conversation.isOpen; at++) {
        sendBeyondWindow(
          client,
          0,
          Buffer.concat([Buffer.from(`stdout ${at * chunk.length} ${chunk.length}\n`), chunk]),
        );
        if (at % 8 === 0) await turn();
      }
    },
  };
  await underAttack(attack, async (connection) => {
    const following = runJob(connection, newJob({ outputMaxBytes: 64 * 1024 * 1024 }), { signal: never });
    await following.next();
    // Whoever follows is busy with something else.
    await expectCut(connection);
    await expect(collect(following)).rejects.toThrowError(guestFailed);
  });
});

test('a program that waits for its request, and complains before there is one, is cut off', async () => {
  const attack: Attack = {
    exec: async (conversation, { client }) => {
      for (let sent = 0; sent < 512 && conversation.isOpen; sent++) {
        complainBeyondWindow(client, 0, Buffer.alloc(30_000, 'x'));
        if (sent % 8 === 0) await turn();
      }
    },
  };
  await underAttack(attack, async (connection) => {
    prepareForJob(connection);
    await expectCut(connection);
  });
});

test('a program that answers before it was asked is not asked', async () => {
  let answered = false;
  const attack: Attack = {
    exec: async (conversation) => {
      await conversation.answer('absent');
      answered = true;
    },
  };
  await underAttack(attack, async (connection) => {
    prepareForJob(connection);
    await eventually(() => answered, { what: 'it has answered' });
    // What it said has come once something that was asked later is answered.
    await forwardSocket(connection, '/run/api.sock', () => false);
    await expect(jobStatus(connection, newJob(), { signal: never })).rejects.toThrowError(guestFailed);
  });
});

test('a server that asks for more and more, and reads none of it, is cut off', async () => {
  const attack: Attack = {
    exec: async (conversation, { client }) => {
      stopReading(client);
      openWindow(client, 0, 1024 * 1024 * 1024);
      while (conversation.isOpen) {
        ping(client);
        await turn();
      }
    },
  };
  await underAttack(attack, async (connection) => {
    const job = newJob({ stdin: Buffer.alloc(32 * 1024 * 1024) });
    await expect(collect(runJob(connection, job, { signal: never }))).rejects.toThrowError(guestFailed);
    await expectCut(connection);
  });
});

test('a server that announces host keys on and on, and proves none, is cut off', async () => {
  const { publicKey } = generateSshKey();
  const attack = flooding(({ client }) => announceHostKey(client, publicKey));
  await underAttack(attack, expectCut);
});

test('nothing is unpacked for a server: one that only speaks compressed is not spoken to', async () => {
  await using guest = await startMaliciousGuest({ compress: ['zlib@openssh.com'] });
  const connecting = connect(guest.access, { privateKey: guest.privateKey, signal: never });
  await expect(connecting).rejects.toThrowError(expect.objectContaining({ code: 'ssh-unreachable' }));
});

test('a connection to a socket that nobody serves any more is turned away', async () => {
  let visit: Visit | null = null;
  const attack: Attack = {
    login: (came) => {
      visit = came;
    },
  };
  await underAttack(attack, async (connection) => {
    const forward = await forwardSocket(connection, '/run/api.sock', (accept) => accept().end('hello') && true);
    const { connectInside } = visit as unknown as Visit;
    const first = await connectInside();
    expect(first).not.toBeNull();
    first?.destroy();
    forward[Symbol.dispose]();
    expect(await connectInside()).toBeNull();
  });
});
