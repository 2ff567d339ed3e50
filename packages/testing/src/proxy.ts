/** A TCP relay on loopback that can lose what goes through it: answers that never arrive, a network that hangs. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that came so far. */
  readonly accepted: number;
  /** What the server says is dropped from now on, as by a network that fails on the way back. */
  dropAnswers(): void;
  /** Nothing passes in either direction until `open`; nobody is told. */
  hang(): void;
  /** Every connection ends, and new ones at once, until `open`: a machine that is off. */
  refuse(): void;
  /** Everything passes again: what is dropped is gone, what hung goes on. */
  open(): void;
  /** Ends every connection as a crash of the network does. New ones are accepted. */
  cut(): void;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let dropping = false;
  let hanging = false;
  let refusing = false;
  let accepted = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (hanging) socket.pause();
  };
  const server = createServer((client) => {
    accepted += 1;
    if (refusing) return void client.destroy();
    const upstream = connect(targetPort, '127.0.0.1');
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => dropping || client.write(bytes));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    keep(client);
    keep(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    cut,
    refuse() {
      refusing = true;
      cut();
    },
    dropAnswers() {
      dropping = true;
    },
    hang() {
      hanging = true;
      for (const socket of sockets) socket.pause();
    },
    open() {
      dropping = false;
      hanging = false;
      refusing = false;
      for (const socket of sockets) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
