import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientEnvironment } from '@vm-task/shared/environment';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { chooseRemote, readCa } from './choose-system.ts';
import { readContexts, requireContextName } from './contexts.ts';
import { serverUrl } from './remote.ts';
import { writeContexts } from './write-contexts.ts';

const nothing: ClientEnvironment = {
  url: null,
  token: null,
  ca: null,
  isHomeNamed: false,
  contexts: '/nowhere/at/all',
};
const lab = { url: 'https://lab.example:7788', token: 'secret-of-lab', ca: null };

test('--home goes before VM_TASK_URL, that before VM_TASK_HOME, that before the context in use', async () => {
  await using folder = await makeTempFolder('contexts');
  const contexts = join(folder.path, 'deep', 'contexts.json');
  writeContexts(contexts, { current: 'lab', contexts: { lab } });
  expect(statSync(contexts).mode & 0o777).toBe(0o600);
  const inUse = { ...nothing, contexts };
  const byUrl = { ...inUse, isHomeNamed: true, url: 'https://vm.example/', token: 'other' };
  expect(chooseRemote(true, byUrl)).toBeNull();
  expect(chooseRemote(false, byUrl)).toMatchObject({ url: 'https://vm.example', token: 'other', says: 'VM_TASK_URL' });
  expect(chooseRemote(false, { ...inUse, isHomeNamed: true })).toBeNull();
  expect(chooseRemote(false, inUse)).toEqual({ ...lab, says: 'context lab' });
  writeContexts(contexts, { current: null, contexts: { lab } });
  expect(chooseRemote(false, inUse)).toBeNull();
  expect(chooseRemote(false, nothing)).toBeNull();
});

test('an address without a token is refused, and the token is never told', () => {
  expect(() => chooseRemote(false, { ...nothing, url: 'https://vm.example' })).toThrow(/VM_TASK_TOKEN is not/);
});

test.each([
  ['https://vm.example:7788', 'https://vm.example:7788'],
  ['https://vm.example/', 'https://vm.example'],
  ['http://127.0.0.1:7788', 'http://127.0.0.1:7788'],
  ['http://[::1]:7788', 'http://[::1]:7788'],
  ['http://localhost', 'http://localhost'],
])('%s is the address of a system', (text, url) => expect(serverUrl(text)).toBe(url));

test.each([
  ['http://vm.example:7788', 'must begin with https'],
  ['http://127.0.0.1.evil.example', 'must begin with https'],
  ['http://localhost.evil.example', 'must begin with https'],
  ['https://me:secret@vm.example', 'must not have a user'],
  ['https://vm.example/v1', 'must end with its host'],
  ['ftp://vm.example', 'is no address'],
  ['vm.example', 'is no address'],
])('%s is not', (text, why) => expect(() => serverUrl(text)).toThrow(why));

test('a file with tokens that others may read is refused, and so is one that is damaged', async () => {
  await using folder = await makeTempFolder('contexts');
  const file = join(folder.path, 'contexts.json');
  writeContexts(file, { current: 'lab', contexts: { lab } });
  chmodSync(file, 0o640);
  expect(() => readContexts(file)).toThrow(/may be read by others.*chmod 600/);
  for (const text of [
    '',
    '{}',
    '{"current":"other","contexts":{}}',
    '{"current":null,"contexts":{"lab":{"url":"x"}}}',
  ]) {
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    expect(() => readContexts(file)).toThrow(/cannot be used .*log in again/);
  }
  // A newer version adds, and older ones pass over.
  writeFileSync(file, JSON.stringify({ v: 2, current: 'lab', contexts: { lab: { ...lab, since: 'today' } } }));
  expect(readContexts(file)).toEqual({ current: 'lab', contexts: { lab } });
});

test('names are plain, and not that of this machine', () => {
  expect(['vm.example', '10.0.0.1', 'Lab_2'].map(requireContextName)).toEqual(['vm.example', '10.0.0.1', 'Lab_2']);
  for (const name of ['local', '', '[::1]', '__proto__', 'a b', '../x']) {
    expect(() => requireContextName(name)).toThrow('--name');
  }
});

test('a certificate is taken alone: whoever gives a private key has the wrong file', async () => {
  await using folder = await makeTempFolder('ca');
  const file = join(folder.path, 'ca.pem');
  const certificate = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
  writeFileSync(file, certificate);
  expect(readCa(file)).toBe(certificate);
  for (const text of ['', `${certificate}-----BEGIN PRIVATE KEY-----\n`]) {
    writeFileSync(file, text);
    expect(() => readCa(file)).toThrow('has to be a certificate alone');
  }
  expect(() => readCa(`${file}.not`)).toThrow('cannot be read');
});
