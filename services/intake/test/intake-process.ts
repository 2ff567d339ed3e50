/** intake as `up` starts it: a process of its own on a home of its own, stopped for certain. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentialFile } from '@vm-task/bus/credentials';
import { type Home, homeAt } from '@vm-task/shared/home';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { dyingWithUs } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
export const token = 'a-token-of-this-test';

export interface TestHome extends AsyncDisposable {
  readonly home: Home;
}

/** A broker on which intake, and whoever submits, may do what they may do on a real one, and the test everything. */
export function startIntakeBroker(): Promise<Broker> {
  return startBroker({ users: ['intake', 'submit'] });
}

/** A home as `up` makes it for this broker; HTTP gets a free port. */
export async function makeHome(broker: Broker): Promise<TestHome> {
  const folder = await makeTempFolder('intake');
  const home = homeAt(folder.path);
  for (const path of [home.credentials, home.run]) mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(credentialFile(home, 'intake'), JSON.stringify(await broker.credentialsOf('intake')), {
    mode: 0o600,
  });
  writeFileSync(join(home.credentials, 'http-token'), `${token}\n`, { mode: 0o600 });
  writeFileSync(home.config, 'http: { port: 0 }\n');
  return { home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

export interface IntakeProcess extends AsyncDisposable {
  readonly url: string;
  /** A request with the token, unless the headers say otherwise. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
  /** Ends it as `down` does; returns its exit code. */
  stop(): Promise<number | null>;
  /** Ends it as a crash does. */
  kill(): Promise<number | null>;
}

export interface AskOptions {
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Returns when intake is ready, and shows all that there was. */
export async function startIntake(home: Home): Promise<IntakeProcess> {
  const intake = await startIntakeOverTls(home);
  await eventually(async () => (await behindAt(intake.url)) === 0, { what: 'intake has caught up' });
  return intake;
}

/** Returns when intake is ready. Of one with a certificate `ask` knows nothing. */
export async function startIntakeOverTls(home: Home): Promise<IntakeProcess> {
  const { child, said } = launch(home);
  const ready = once(child.stdout ?? child, 'data');
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`intake ended with ${code}: ${said()}`);
  });
  await Promise.race([ready, ended]);
  ended.catch(() => undefined);
  const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
  return {
    url,
    ask(method, path, { body, headers = {}, signal } = {}) {
      const type = typeof body === 'object' ? { 'content-type': 'application/json' } : {};
      return fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${token}`, connection: 'close', ...type, ...headers },
        body: typeof body === 'object' ? JSON.stringify(body) : (body ?? null),
        signal: signal ?? null,
      });
    },
    stop: () => end(child),
    kill: () => end(child, 'SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end(child);
    },
  };
}

async function behindAt(url: string): Promise<number | null> {
  const answer = await fetch(new URL('/readyz', url), { headers: { connection: 'close' } });
  return answer.ok ? ((await answer.json()) as { behind: number }).behind : null;
}

/** The sentence that intake ends with when it cannot start. */
export async function startAndFail(home: Home): Promise<string> {
  const { child, said } = launch(home);
  await once(child, 'exit');
  return said();
}

function launch(home: Home): { child: ChildProcess; said: () => string } {
  const [program, args] = dyingWithUs(process.execPath, main, '--home', home.root);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text = `${text}${chunk.toString('utf8')}`.slice(-20_000);
  });
  return { child, said: () => text };
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
  return child.exitCode;
}
