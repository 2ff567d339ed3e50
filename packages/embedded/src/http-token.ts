/** The bearer token of the local HTTP API, made at the first start. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Home } from '@vm-task/shared/home';

export function httpTokenFile(home: Home): string {
  return join(home.credentials, 'http-token');
}

export function makeHttpToken(home: Home): void {
  mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
  if (!existsSync(httpTokenFile(home)))
    writePrivateFile(httpTokenFile(home), `${randomBytes(32).toString('base64url')}\n`);
}

export function readHttpToken(home: Home): string {
  return readFileSync(httpTokenFile(home), 'utf8').trim();
}
