/** What an SSH server says before anybody has logged in. */
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { VmAccess } from '@vm-task/shared/vm-access';

export interface FirstPacket {
  /** 16 random bytes, hexadecimal (RFC 4253, 7.1). */
  readonly cookie: string;
  /** The server's name and what it supports: the same from the same program. */
  readonly rest: string;
}

const keyExchangeInit = 20;
const pauseMs = 25;

/** Of a machine whose sshd listens now or in a moment. */
export async function firstPacket(access: VmAccess): Promise<FirstPacket> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const packet = await read(access).catch(() => null);
    if (packet !== null) return packet;
    if (performance.now() > giveUpAt) throw new Error('there is no SSH server');
    await delay(pauseMs);
  }
}

async function read({ host, port }: VmAccess): Promise<FirstPacket> {
  const socket = createConnection({ host, port });
  try {
    socket.write('SSH-2.0-test\r\n');
    let bytes = Buffer.alloc(0);
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk as Buffer]);
      const packet = parse(bytes);
      if (packet !== null) return packet;
    }
    throw new Error('the server hung up');
  } finally {
    socket.destroy();
  }
}

/** Null while something is missing. */
function parse(bytes: Buffer): FirstPacket | null {
  const line = bytes.indexOf('\r\n');
  if (line < 0 || bytes.length < line + 6) return null;
  const packet = bytes.subarray(line + 2);
  const length = packet.readUInt32BE(0);
  if (packet.length < 4 + length) return null;
  const payload = packet.subarray(5, 4 + length - packet.readUInt8(4));
  if (payload[0] !== keyExchangeInit) throw new Error(`the first packet is of type ${payload[0]}`);
  const name = bytes.toString('latin1', 0, line);
  return { cookie: payload.toString('hex', 1, 17), rest: name + payload.toString('latin1', 17) };
}
