/** `vm-task login`, and `context`: systems on other machines, kept by name. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { readClientEnvironment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { readText } from '../input.ts';
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import { readCa } from '../systems/choose-system.ts';
import { localContext, readContexts, requireContextName } from '../systems/contexts.ts';
import { serverUrl } from '../systems/remote.ts';
import { remoteSystem } from '../systems/remote-system.ts';
import { writeContexts } from '../systems/write-contexts.ts';

export interface LoginOptions {
  /** A file with a certificate. */
  readonly ca?: string;
  /** By default that of the host. */
  readonly name?: string;
}

interface Json {
  readonly json: boolean;
}

/** The token comes from standard input, and is kept once the system has taken it. @throws `unauthorized`, `not-up`. */
export async function login({ json }: Json, address: string, options: LoginOptions): Promise<void> {
  const url = serverUrl(address);
  const name = requireContextName(options.name ?? new URL(url).hostname);
  const ca = options.ca === undefined ? null : readCa(options.ca);
  const remote = { url, token: await readToken(), ca };
  await remoteSystem(remote).client.pools.list();
  const { contexts } = readClientEnvironment();
  const before = readContexts(contexts);
  writeContexts(contexts, { current: name, contexts: { ...before.contexts, [name]: remote } });
  if (json) printJson({ name, url });
  else print(`commands go to ${url} from now on; ./vm-task context use ${localContext} goes back to this machine`);
}

async function readToken(): Promise<string> {
  const text = process.stdin.isTTY ? await askForToken() : await readText('-', 'invalid-request');
  const token = text.trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new VmTaskError(
    'invalid-request',
    'standard input has no token: one word, as in credentials/http-token of the home',
  );
}

/** What is typed is not shown. */
async function askForToken(): Promise<string> {
  process.stderr.write('token: ');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

export async function listContexts({ json }: Json): Promise<void> {
  const { current, contexts } = readContexts(readClientEnvironment().contexts);
  const all = Object.entries(contexts).map(([name, { url }]) => ({ name, url }));
  if (json) return printJson({ current: current ?? localContext, contexts: all });
  const rows = [{ name: localContext, url: 'this machine' }, ...all].map(({ name, url }) => [
    name === (current ?? localContext) ? '*' : '',
    name,
    url,
  ]);
  print(table(['', 'name', 'system'], rows));
}

/** @throws `not-found` */
export async function useContext({ json }: Json, name: string): Promise<void> {
  const file = readClientEnvironment().contexts;
  const { contexts } = readContexts(file);
  if (name !== localContext) requireKnown(contexts, name);
  writeContexts(file, { current: name === localContext ? null : name, contexts });
  if (json) printJson({ name });
  else print(`commands go to ${contexts[name]?.url ?? 'the home of this machine'} from now on`);
}

/** The one in use gives way to this machine. @throws `not-found` */
export async function removeContext({ json }: Json, name: string): Promise<void> {
  const file = readClientEnvironment().contexts;
  const { current, contexts } = readContexts(file);
  requireKnown(contexts, name);
  const { [name]: _removed, ...rest } = contexts;
  writeContexts(file, { current: current === name ? null : current, contexts: rest });
  if (json) printJson({ name });
  else
    print(
      current === name
        ? `${name} is forgotten; commands go to the home of this machine from now on`
        : `${name} is forgotten`,
    );
}

function requireKnown(contexts: object, name: string): void {
  if (Object.hasOwn(contexts, name)) return;
  const known = [localContext, ...Object.keys(contexts)].join(', ');
  throw new VmTaskError('not-found', `there is no context ${JSON.stringify(name)}; there are ${known}`);
}
