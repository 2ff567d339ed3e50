/** Keys of the one kind that is used everywhere: ed25519, in OpenSSH's own format, which `node:crypto` does not write. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

export interface SshKey {
  /** As ssh and sshd read it from a file, without a passphrase. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string;
}

const kind = 'ssh-ed25519';
/** Lines of base64, as ssh-keygen makes them. */
const lineLength = 70;
/** What is secret is filled up to the block of a cipher, which is 8 for none. */
const blockBytes = 8;

/** A new key pair, for a login or for a host. */
export function generateSshKey(): SshKey {
  return sshKeyOf(generateKeyPairSync('ed25519').privateKey);
}

/** An ed25519 key, written down. */
export function sshKeyOf(key: KeyObject): SshKey {
  const { x = '', d = '' } = key.export({ format: 'jwk' });
  const [publicBytes, seed] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')];
  const publicPart = Buffer.concat([field(kind), field(publicBytes)]);
  return {
    privateKey: pem(container(publicPart, publicBytes, seed)),
    publicKey: `${kind} ${publicPart.toString('base64')}`,
  };
}

/** OpenSSH's PROTOCOL.key: neither cipher nor key derivation, one key. */
function container(publicPart: Buffer, publicBytes: Buffer, seed: Buffer): Buffer {
  // Twice the same: how a reader sees that it has decrypted well.
  const check = randomBytes(4);
  const pair = field(Buffer.concat([seed, publicBytes]));
  const secret = Buffer.concat([check, check, publicPart, pair, field('')]);
  const padding = Array.from({ length: -secret.length & (blockBytes - 1) }, (_, n) => n + 1);
  return Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field('none'), field('none'), field(''), number(1)],
    field(publicPart),
    field(Buffer.concat([secret, Buffer.from(padding)])),
  ]);
}

/** RFC 4251, section 5: `string`. */
function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([number(bytes.length), bytes]);
}

/** RFC 4251, section 5: `uint32`. */
function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function pem(content: Buffer): string {
  const lines = content.toString('base64').match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}
