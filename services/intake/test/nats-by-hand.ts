/** Messages of `submit`'s, by nothing but a TCP connection and the NATS protocol, as any client in any language can. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fromSeed } from '@nats-io/nkeys';
import type { Broker } from '@vm-task/testing/broker';

/** Returns when the server has taken the message in. */
export async function publishByHand(broker: Broker, subject: string, payload: string): Promise<void> {
  await talk(broker, `PUB ${subject} ${Buffer.byteLength(payload)}\r\n${payload}\r\nPING\r\n`, 'PONG');
}

/** The answer, at an inbox with the prefix that clients have when nobody says another. */
export async function requestByHand(broker: Broker, subject: string, payload: string): Promise<unknown> {
  const inbox = '_INBOX.by-hand';
  const publish = `PUB ${subject} ${inbox} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`;
  const said = await talk(broker, `SUB ${inbox} 1\r\n${publish}`, '}\r\n');
  return JSON.parse(/^MSG _INBOX\.by-hand 1 \d+\r\n(.*)\r\n/m.exec(said)?.[1] ?? 'null');
}

/** What the server says to these lines, up to `end`. @throws what it refuses. */
async function talk(broker: Broker, lines: string, end: string): Promise<string> {
  const { jwt, seed } = await broker.credentialsOf('submit');
  const socket: Socket = connect(broker.server.port, '127.0.0.1');
  const said = { info: '', rest: '' };
  socket.setEncoding('utf8').on('data', (text: string) => {
    // The server's greeting comes first, and is JSON, too.
    if (!said.info.includes('\r\n')) said.info += text;
    else said.rest += text;
    if (said.rest.includes(end) || said.rest.includes('-ERR')) socket.end();
  });
  await once(socket, 'data');
  // Whoever has the key of the token's user can sign what the server asks to be signed.
  const { nonce } = JSON.parse(said.info.replace(/^INFO /, '')) as { nonce: string };
  const signed = fromSeed(new TextEncoder().encode(seed)).sign(new TextEncoder().encode(nonce));
  const login = { verbose: false, headers: true, jwt, sig: Buffer.from(signed).toString('base64url') };
  socket.write(`CONNECT ${JSON.stringify(login)}\r\n${lines}`);
  await once(socket, 'close');
  if (said.rest.includes('-ERR')) throw new Error(said.rest);
  return said.rest;
}
