/** Keys of the one kind that is used everywhere: ed25519. */
import ssh2 from 'ssh2';

export interface SshKey {
  /** OpenSSH's own format, as ssh and sshd read it from a file. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string;
}

/** A new key pair, for a login or for a host. */
export function generateSshKey(): SshKey {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    // ssh2 1.17 loses bytes of about one key in 180, and then cannot read it again itself.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) {
      return { privateKey: pair.private, publicKey: pair.public.trim() };
    }
  }
}
