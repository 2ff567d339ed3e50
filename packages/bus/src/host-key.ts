/**
 * The key of a host, for which control encrypts secrets (X25519, an `xkey` of NATS). Its private half is a file of the home, 0600,
 * and leaves it never; its public half is in the host's lease.
 */
import { readFileSync } from 'node:fs';
import { nkeys } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

type CurveKey = ReturnType<typeof nkeys.fromCurveSeed>;

export interface HostKey {
  readonly publicKey: string;
  /** Null for what was not encrypted for this key, or was altered. */
  open(box: Uint8Array, sender: string): Uint8Array | null;
}

/** A new private key, as its file has it. */
export function newHostKey(): string {
  return `${new TextDecoder().decode(nkeys.createCurve().getSeed())}\n`;
}

/** Null where the host has none yet. @throws `secret-unusable` for a file that is no key. */
export function readHostKey(home: Home): HostKey | null {
  const seed = readSeed(home);
  if (seed === null) return null;
  const pair = pairOf(home, seed);
  return {
    publicKey: pair.getPublicKey(),
    open(box, sender) {
      try {
        return pair.open(box, sender) ?? null;
      } catch {
        return null;
      }
    },
  };
}

/** Encrypted for that host alone, by a key that is used once. @throws for what is no public key. */
export function encryptFor(
  publicKey: string,
  message: Uint8Array,
): { readonly box: Uint8Array; readonly sender: string } {
  const once = nkeys.createCurve();
  try {
    return { box: once.seal(message, publicKey), sender: once.getPublicKey() };
  } finally {
    once.clear();
  }
}

function readSeed(home: Home): Uint8Array | null {
  try {
    return new TextEncoder().encode(readFileSync(home.secretsKey, 'utf8').trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unusable(home, (error as Error).message, error);
  }
}

function pairOf(home: Home, seed: Uint8Array): CurveKey {
  try {
    return nkeys.fromCurveSeed(seed);
  } catch (error) {
    // Not what the library says: it might be about what the file has in it.
    throw unusable(home, 'it is no key', error);
  }
}

function unusable(home: Home, why: string, cause: unknown): VmTaskError {
  const remedy = 'remove it, run ./vm-task up, which makes a new one, and set the secrets again';
  return new VmTaskError('secret-unusable', `the key ${home.secretsKey} cannot be used (${why}); ${remedy}`, { cause });
}
