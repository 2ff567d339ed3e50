import { writeFileSync } from 'node:fs';
import { type Authority, issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { silentLogger } from '@vm-task/service/log';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { followIdentity, type Pem, readIdentity } from './tls.ts';

const validity = { days: 10, now: new Date() };

async function issue(authority: Authority, name: string): Promise<string> {
  const key = newKey();
  return `${await issueCertificate(authority, key, [name], validity)}${key}`;
}

test('a certificate that is replaced is used from then on, and what cannot be used is not', async () => {
  await using folder = await makeTempFolder('tls');
  const key = newKey();
  const authority = { key, certificate: await issueAuthority(key, 'vm-task', validity) };
  const file = `${folder.path}/http.pem`;
  const [first, second] = [await issue(authority, 'first.example'), await issue(authority, 'second.example')];
  writeFileSync(file, first, { mode: 0o600 });
  const identity = readIdentity({ root: folder.path, httpCertificate: file }, true);
  const used: Pem[] = [];
  const stop = new AbortController();
  const warned: unknown[] = [];
  const log = Object.assign(Object.create(silentLogger), { warn: (what: unknown) => void warned.push(what) });
  const following = followIdentity(identity, (pem) => void used.push(pem), stop.signal, log, 5);
  writeFileSync(file, 'half of it');
  await eventually(() => warned.length > 0, { what: 'it is said that it cannot be used' });
  expect([identity.pem.cert, identity.isFor('first.example')]).toEqual([first, true]);
  writeFileSync(file, second);
  await eventually(() => used.length > 0, { what: 'the next one is used' });
  expect(used).toEqual([{ cert: second, key: second }]);
  expect([identity.isFor('first.example'), identity.isFor('second.example')]).toEqual([false, true]);
  stop.abort();
  await following;
});
