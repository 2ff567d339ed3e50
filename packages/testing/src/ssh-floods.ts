/**
 * What an SSH server may send that answers nothing. ssh2 offers none of it to servers, so its own protocol object, of
 * exactly the version that is pinned, is used.
 */
import type { Socket } from 'node:net';
import type { Connection } from 'ssh2';

interface Protocol {
  channelData(channel: number, bytes: Buffer): void;
  channelExtData(channel: number, bytes: Buffer, type: number): void;
  channelWindowAdjust(channel: number, bytes: number): void;
  ping(): void;
  readonly _packetRW: {
    readonly write: { readonly allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

function protocolOf(client: Connection): Protocol {
  return (client as unknown as { _protocol: Protocol })._protocol;
}

/** Bytes on a channel of the other side, whatever window it has opened. */
export function sendBeyondWindow(client: Connection, channel: number, bytes: Buffer): void {
  protocolOf(client).channelData(channel, bytes);
}

/** As `sendBeyondWindow`, on standard error. */
export function complainBeyondWindow(client: Connection, channel: number, bytes: Buffer): void {
  protocolOf(client).channelExtData(channel, bytes, 1);
}

/** Lets the other side send so much more on its first channel. */
export function openWindow(client: Connection, channel: number, bytes: number): void {
  protocolOf(client).channelWindowAdjust(channel, bytes);
}

/** A request for an answer that says nothing. */
export function ping(client: Connection): void {
  protocolOf(client).ping();
}

/** Reads nothing of what the other side sends from now on. */
export function stopReading(client: Connection): void {
  socketOf(client).pause();
}

/** As a crash does: nobody is told. */
export function hangUp(client: Connection): void {
  socketOf(client).destroy();
}

function socketOf(client: Connection): Socket {
  return (client as unknown as { _sock: Socket })._sock;
}

const globalRequest = 80;

/** Says that the server has this host key, which makes OpenSSH's clients ask for a proof. */
export function announceHostKey(client: Connection, publicKey: string): void {
  const name = Buffer.from('hostkeys-00@openssh.com');
  const key = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  const payload = Buffer.concat([Buffer.from([globalRequest]), string(name), Buffer.from([0]), string(key)]);
  const { _packetRW: packets, _cipher: cipher } = protocolOf(client);
  const packet = packets.write.alloc(payload.length);
  payload.copy(packet, packets.write.allocStart);
  cipher.encrypt(packets.write.finalize(packet));
}

/** RFC 4251, section 5. */
function string(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
