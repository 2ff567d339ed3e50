/**
 * A guest that a task has taken over: an SSH server which answers as the supervisor in a machine does, up to where an
 * attack says something else. What it does not attack, it does honestly, and it runs nothing.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { generateSshKey } from '@vm-task/guest/keys';
import type { VmAccess } from '@vm-task/shared/vm-access';
import ssh2, { type CompressionAlgorithm, type Connection, type ServerChannel, type SFTPWrapper } from 'ssh2';
import { Conversation, type RequestFields } from './guest-conversation.ts';
import { hangUp } from './ssh-floods.ts';

export interface MaliciousGuest extends AsyncDisposable {
  readonly access: VmAccess;
  readonly privateKey: string;
  /** Logins so far. */
  readonly logins: number;
  /** Bytes of its answers so far. */
  readonly sentBytes: number;
  /** Connections that are open now. */
  readonly connections: number;
}

/** One that the attack may use as it likes. */
export interface Visit {
  readonly client: Connection;
  /** The socket in the machine that the other side asked for, or null. */
  readonly socket: () => string | null;
  /** Asks the runner as a task does over the socket; null when it is turned away. */
  readonly connectInside: () => Promise<ServerChannel | null>;
}

export interface Attack {
  /** The answer to a request of this verb, in place of the honest one. */
  readonly [verb: `verb-${string}`]: (
    conversation: Conversation,
    request: RequestFields,
    visit: Visit,
  ) => Promise<void>;
  /** Instead of reading any request. */
  readonly exec?: (conversation: Conversation, visit: Visit) => Promise<void>;
  /** A file server; without it, there is none. */
  readonly sftp?: (server: SFTPWrapper, visit: Visit) => void;
  /** Compressions that its server takes; by default those of ssh2. */
  readonly compress?: readonly CompressionAlgorithm[];
  /** Right after a login. */
  readonly login?: (visit: Visit) => void;
}

/** How an ordinary job of a second ends, in the words of its supervisor. */
export const ordinaryEnd = (stdoutBytes = 0) =>
  `outcome exited 0\nmemory 0\nstopped 0\nran 1000\nstdout ${stdoutBytes} ${stdoutBytes}\nstderr 0 0\n`;

export async function startMaliciousGuest(attack: Attack): Promise<MaliciousGuest> {
  const hostKey = generateSshKey();
  const clients = new Set<Connection>();
  const conversations: Conversation[] = [];
  let logins = 0;
  const server = new ssh2.Server({ hostKeys: [hostKey.privateKey], ...algorithmsOf(attack) }, (client) => {
    clients.add(client);
    (client as Connection & { setNoDelay(noDelay: boolean): void }).setNoDelay(true);
    client.on('error', () => {}).on('close', () => clients.delete(client));
    client.on('authentication', (context) => context.accept());
    client.on('ready', () => {
      logins += 1;
      receive(client, attack, conversations);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    access: {
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      user: 'root',
      hostKey: hostKey.publicKey,
    },
    privateKey: generateSshKey().privateKey,
    get logins() {
      return logins;
    },
    get sentBytes() {
      return conversations.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    },
    get connections() {
      return clients.size;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) hangUp(client);
      await closed;
    },
  };
}

function algorithmsOf({ compress }: Attack) {
  return compress === undefined ? {} : { algorithms: { compress: [...compress] } };
}

function receive(client: Connection, attack: Attack, conversations: Conversation[]): void {
  let socket: string | null = null;
  const visit: Visit = {
    client,
    socket: () => socket,
    connectInside: () =>
      new Promise((resolve) => {
        client.openssh_forwardOutStreamLocal(socket ?? '', (error, channel) => resolve(error ? null : channel));
      }),
  };
  client.on('request', (accept, _reject, name, info) => {
    if ((name as string) === 'streamlocal-forward@openssh.com')
      socket = (info as unknown as { socketPath: string }).socketPath;
    accept?.();
  });
  client.on('session', (acceptSession) => {
    const session = acceptSession();
    session.on('exec', (acceptExec) => {
      const conversation = new Conversation(acceptExec());
      conversations.push(conversation);
      void (attack.exec?.(conversation, visit) ?? converse(conversation, attack, visit));
    });
    session.on('sftp', (acceptSftp, reject) => {
      if (attack.sftp === undefined) return reject();
      const files = acceptSftp();
      files.on('error', () => {});
      attack.sftp(files, visit);
    });
  });
  attack.login?.(visit);
}

async function converse(conversation: Conversation, attack: Attack, visit: Visit): Promise<void> {
  const request = await conversation.request();
  if (request === null) return;
  const verb = request.get('verb')?.[0]?.toString() ?? 'none';
  await (attack[`verb-${verb}`] ?? honest)(conversation, request, visit);
}

/** A job that was started, and ends at once. */
async function honest(conversation: Conversation, request: RequestFields): Promise<void> {
  switch (request.get('verb')?.[0]?.toString()) {
    case 'start':
      await begin(conversation, request);
      return conversation.answer('end', ordinaryEnd());
    case 'stop':
      return conversation.answer('asked');
    case 'status':
      return conversation.answer('absent');
    case 'complete':
      return conversation.answer('completed');
    default:
      return conversation.answer('done');
  }
}

/** The answer to `start` up to where output may come. */
export async function begin(conversation: Conversation, request: RequestFields): Promise<void> {
  if (request.has('command')) {
    await conversation.answer('api', '/run/vm-task/api.sock');
    await conversation.request();
  }
  await conversation.answer('started');
}

/** Does `action` for as long as the other side listens, and leaves the loop to others in between. */
export async function whileOpen(conversation: Conversation, action: () => Promise<void>): Promise<void> {
  while (conversation.isOpen) {
    await action();
    await turn();
  }
}
