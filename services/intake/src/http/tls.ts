/** The certificate that the HTTP API shows. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { HttpTls } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** True for a host name that the certificate is for. */
  isFor(host: string): boolean;
}

/** @throws `invalid-config` when a file cannot be used, others may read the key, or the two are not of each other */
export function readIdentity({ root }: Pick<Home, 'root'>, tls: HttpTls): Identity {
  const [certFile, keyFile] = [resolve(root, tls.cert), resolve(root, tls.key)];
  try {
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    if ((statSync(keyFile).mode & 0o077) !== 0) throw new Error(`others may read the key; run chmod 600 ${keyFile}`);
    createSecureContext({ cert, key });
    const certificate = new X509Certificate(cert);
    return { cert, key, isFor: (host) => certificate.checkHost(host) !== undefined };
  } catch (error) {
    const message = `http.tls: ${certFile} and ${keyFile} cannot be used: ${(error as Error).message}`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}
