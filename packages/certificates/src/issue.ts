/**
 * Makes certificates: an authority's own, and those of its servers, for keys on the curve P-256. Everything is PEM. The
 * library takes a moment to load, so import this only where a certificate is to be made.
 *
 * | file | role |
 * |---|---|
 * | `issue.ts` | keys and certificates are made |
 * | `is-good.ts` | a certificate can go on being used, by Node alone |
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import * as asn1 from 'asn1js';
import * as pki from 'pkijs';

export interface Authority {
  readonly key: string;
  readonly certificate: string;
}

export interface Validity {
  readonly days: number;
  readonly now: Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const dayMs = 86_400_000;

/** Bits of a KeyUsage, first byte. */
const usage = { digitalSignature: 0x80, keyCertSign: 0x04 };
const serverAuth = '1.3.6.1.5.5.7.3.1';
const commonName = '2.5.4.3';
const id = {
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
};

/** A private key. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: algorithm.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/**
 * The certificate of an authority with this key. Issued again for the same key and name it takes the place of the one
 * before: what the authority has signed leads to both.
 */
export async function issueAuthority(key: string, name: string, validity: Validity): Promise<string> {
  const own = createPublicKey(key);
  const extensions = [
    extension(id.basicConstraints, new pki.BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema(), true),
    extension(id.keyUsage, new asn1.BitString({ valueHex: bytes([usage.keyCertSign]), unusedBits: 2 }), true),
    extension(id.subjectKey, new asn1.OctetString({ valueHex: keyIdOf(own) })),
  ];
  return sign({ subject: name, issuer: name, publicKey: own, signer: key, extensions, validity });
}

/** The certificate of a server with this key, for these host names and addresses. */
export async function issueCertificate(
  authority: Authority,
  key: string,
  names: readonly string[],
  validity: Validity,
): Promise<string> {
  const [subject = 'vm-task'] = names;
  const issuer = new X509Certificate(authority.certificate);
  const authorityKey = new pki.AuthorityKeyIdentifier({
    keyIdentifier: new asn1.OctetString({ valueHex: keyIdOf(issuer.publicKey) }),
  });
  const extensions = [
    extension(id.keyUsage, new asn1.BitString({ valueHex: bytes([usage.digitalSignature]), unusedBits: 7 }), true),
    extension(id.extendedKeyUsage, new pki.ExtKeyUsage({ keyPurposes: [serverAuth] }).toSchema()),
    extension(id.alternativeNames, new pki.GeneralNames({ names: names.map(generalName) }).toSchema()),
    extension(id.authorityKey, authorityKey.toSchema()),
  ];
  const publicKey = createPublicKey(key);
  return sign({ subject, issuer: issuerName(issuer), publicKey, signer: authority.key, extensions, validity });
}

interface Signing {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: string;
  readonly extensions: pki.Extension[];
  readonly validity: Validity;
}

async function sign({ subject, issuer, publicKey, signer, extensions, validity }: Signing): Promise<string> {
  const { days, now } = validity;
  const certificate = new pki.Certificate({
    version: 2,
    serialNumber: new asn1.Integer({ valueHex: serialNumber() }),
    issuer: nameOf(issuer),
    subject: nameOf(subject),
    // A clock that is set right by some hours makes no difference.
    notBefore: timeOf(new Date(now.getTime() - dayMs)),
    notAfter: timeOf(new Date(now.getTime() + days * dayMs)),
    extensions,
  });
  await certificate.subjectPublicKeyInfo.importKey(publicKey.toCryptoKey(algorithm, true, ['verify']));
  await certificate.sign(createPrivateKey(signer).toCryptoKey(algorithm, false, ['sign']), 'SHA-256');
  return new X509Certificate(Buffer.from(certificate.toSchema().toBER())).toString();
}

function extension(extnID: string, value: asn1.BaseBlock, critical = false): pki.Extension {
  return new pki.Extension({ extnID, critical, extnValue: value.toBER() });
}

function nameOf(text: string): pki.RelativeDistinguishedNames {
  const value = new asn1.Utf8String({ value: text });
  return new pki.RelativeDistinguishedNames({
    typesAndValues: [new pki.AttributeTypeAndValue({ type: commonName, value })],
  });
}

function issuerName({ subject }: X509Certificate): string {
  return subject.replace(/^CN=/, '');
}

/** RFC 5280, 4.1.2.5: years from 2050 on are written in another form. */
function timeOf(value: Date): pki.Time {
  return new pki.Time({ type: value.getUTCFullYear() < 2_050 ? 0 : 1, value });
}

function generalName(name: string): pki.GeneralName {
  if (isIP(name) === 0) return new pki.GeneralName({ type: 2, value: name });
  return new pki.GeneralName({ type: 7, value: new asn1.OctetString({ valueHex: addressBytes(name) }) });
}

/** Four bytes, or the sixteen into which the URL parser expands every form of an IPv6 address. */
function addressBytes(address: string): ArrayBuffer {
  if (isIP(address) === 4) return bytes(address.split('.').map(Number));
  const { hostname } = new URL(`http://[${address}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const [first, last] = [head, tail ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const missing = 8 - (first?.length ?? 0) - (last?.length ?? 0);
  const groups = [...(first ?? []), ...Array<string>(missing).fill('0'), ...(last ?? [])];
  return bytes(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

/** Positive, and 127 bits of chance. */
function serialNumber(): ArrayBuffer {
  const random = [...randomBytes(16)];
  return bytes([((random[0] ?? 0) & 0x7f) | 0x40, ...random.slice(1)]);
}

function keyIdOf(key: KeyObject): ArrayBuffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return bytes([...createHash('sha256').update(point).digest().subarray(0, 20)]);
}

function bytes(values: readonly number[]): ArrayBuffer {
  return Uint8Array.from(values).buffer;
}
