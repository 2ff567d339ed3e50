/** As `askHttp`, of a server whose certificate is proved first. Apart, because TLS is loaded at its first use. */
import { request } from 'node:https';
import type { Ask } from '@vm-task/client/client';
import { askBy } from './ask-http.ts';

/** `ca`: what the certificate has to lead to, as PEM; null for the authorities that Node knows. */
export function askHttps(ca: string | null): Ask {
  return (url, init) => askBy(request, url, init, ca === null ? {} : { ca });
}
