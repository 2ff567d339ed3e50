/** The certificate that the HTTP API shows: read again when its files are replaced, as they are before it ends. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import type { HttpTls } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

const lookEveryMs = 60_000;

export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export interface Identity {
  readonly pem: Pem;
  /** True for a host name that the certificate is for. */
  isFor(host: string): boolean;
  /**
   * Takes what is in the files now; true when that is another certificate.
   *
   * @throws `invalid-config` as `readIdentity`; what there was goes on then
   */
  renew(): boolean;
}

/** @throws `invalid-config` when a file cannot be used, others may read the key, or the two are not of each other */
export function readIdentity(home: Pick<Home, 'root' | 'httpCertificate'>, tls: HttpTls): Identity {
  const read = () => readPem(home, tls);
  let pem = read();
  let certificate = new X509Certificate(pem.cert);
  return {
    get pem() {
      return pem;
    },
    isFor: (host) => certificate.checkHost(host) !== undefined,
    renew() {
      const found = read();
      if (found.cert === pem.cert && found.key === pem.key) return false;
      pem = found;
      certificate = new X509Certificate(pem.cert);
      return true;
    },
  };
}

function readPem({ root, httpCertificate }: Pick<Home, 'root' | 'httpCertificate'>, tls: HttpTls): Pem {
  const files = tls === true ? { cert: httpCertificate, key: httpCertificate } : tls;
  const [certFile, keyFile] = [resolve(root, files.cert), resolve(root, files.key)];
  try {
    const pem = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    if ((statSync(keyFile).mode & 0o077) !== 0) throw new Error(`others may read the key; run chmod 600 ${keyFile}`);
    createSecureContext(pem);
    return pem;
  } catch (error) {
    const message = `http.tls: ${certFile} and ${keyFile} cannot be used: ${(error as Error).message}`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}

/** Until `stop`: who connects after the files were replaced is shown the new certificate. */
export async function followIdentity(
  identity: Identity,
  use: (pem: Pem) => void,
  stop: AbortSignal,
  log: Logger,
  everyMs = lookEveryMs,
): Promise<void> {
  while (!stop.aborted) {
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
    try {
      if (stop.aborted || !identity.renew()) continue;
      use(identity.pem);
      log.info('the certificate of HTTP was replaced');
    } catch (err) {
      log.warn({ err }, 'the certificate of HTTP was replaced and cannot be used; that of before goes on');
    }
  }
}
