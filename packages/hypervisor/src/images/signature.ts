/**
 * What an image consists of, signed by the home that took it in: `image.sig`, beside the files. Whoever put an image there, or
 * altered one, without the home's key has one that is not booted. Ed25519 (RFC 8032), by a key that is made when it is first needed.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { z } from 'zod';
import { readJson, writeJson } from '../ledger/json-file.ts';
import { fileSha256 } from './fingerprint.ts';

export const filesSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** SHA-256 of each file of an image, by its name. */
export type Files = Readonly<z.infer<typeof filesSchema>>;

const keySchema = z.strictObject({ privateKey: z.string() });

/** Null in a new home, and in one of before images were signed. @throws `image-altered` when the file is no key. */
export async function readKey(path: string): Promise<KeyObject | null> {
  const found = await readJson(path, keySchema);
  if (found.kind === 'value') return createPrivateKey(found.value.privateKey);
  if (found.kind === 'absent') return null;
  throw new VmTaskError(
    'image-altered',
    `${path} is damaged: remove it, and this home signs the images that it has anew`,
  );
}

export function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** On disk when it returns, and nobody else's to read. */
export async function writeKey(path: string, key: KeyObject): Promise<void> {
  await writeJson(path, { privateKey: key.export({ format: 'pem', type: 'pkcs8' }).toString() });
}

/** Every file of the folder but one. */
export async function hashFiles(folder: string, except: string, signal: AbortSignal): Promise<Files> {
  const names = (await readdir(folder)).filter((name) => name !== except).sort();
  const hashes = names.map(async (name) => [name, await fileSha256(join(folder, name), signal)] as const);
  return Object.fromEntries(await Promise.all(hashes));
}

export const signatureName = 'image.sig';

const signatureSchema = z.strictObject({
  files: filesSchema,
  signature: z.base64(),
});

export async function writeSignature(folder: string, files: Files, key: KeyObject): Promise<void> {
  const path = join(folder, signatureName);
  const signature = sign(null, signedBytes(files), key).toString('base64');
  await rm(path, { force: true });
  await writeFile(path, JSON.stringify({ files, signature }), { mode: 0o444, flush: true });
}

/** What was signed, of which only the manifest is compared: whoever reads a disk compares the rest. @throws `image-altered`. */
export async function readSignature(folder: string, key: KeyObject): Promise<Files> {
  const found = await readJson(join(folder, signatureName), signatureSchema).catch(() => null);
  if (found?.kind !== 'value') throw altered(folder, 'it is not signed by this home');
  const { files, signature } = found.value;
  const isOurs = verify(null, signedBytes(files), createPublicKey(key), Buffer.from(signature, 'base64'));
  if (!isOurs) throw altered(folder, 'its signature is not of this home');
  const manifest = 'image.json';
  const hash = createHash('sha256').update(await readFile(join(folder, manifest)));
  if (hash.digest('hex') !== files[manifest]) throw altered(folder, `${manifest} is another one`);
  return files;
}

/** Reads every byte. @throws `image-altered`. */
export async function requireUnaltered(folder: string, files: Files, signal: AbortSignal): Promise<void> {
  const found = await hashFiles(folder, signatureName, signal);
  const names = Object.keys({ ...found, ...files });
  const other = names.filter((name) => found[name] !== files[name]);
  if (other.length > 0) throw altered(folder, `${other.sort().join(', ')} is not what this home has signed`);
}

function signedBytes(files: Files): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function altered(folder: string, why: string): VmTaskError {
  const advice =
    'remove that folder: an image of a recipe is taken from the cache or built anew, another one can be imported again';
  return new VmTaskError('image-altered', `${folder} is not used, because ${why}; ${advice}`);
}
