/** A message of `submit`'s, published by nothing but a TCP connection and the NATS protocol, as any client in any language can. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Returns when the server has taken the message in. */
export async function publishByHand(port: number, subject: string, payload: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('PONG')) socket.end();
  });
  const connected = once(socket, 'connect');
  await connected;
  const options = JSON.stringify({ verbose: false, user: 'submit', pass: 'submit' });
  socket.write(`CONNECT ${options}\r\nPUB ${subject} ${Buffer.byteLength(payload)}\r\n${payload}\r\nPING\r\n`);
  await once(socket, 'close');
  if (said.includes('-ERR')) throw new Error(said);
}
