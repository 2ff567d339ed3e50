/**
 * The four services as `up` has them: a process each, by `runService`, with users and rights of their own. Intake is
 * the service's own program; the others are the services over nothing, because their programs need real VMs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { credentialFile } from '@vm-task/bus/credentials';
import { httpUrl } from '@vm-task/embedded/home-client';
import { serviceArguments } from '@vm-task/embedded/service-command';
import { type Home, homeAt } from '@vm-task/shared/home';
import { type ServiceName, services } from '@vm-task/shared/roles';
import { type Broker, sampleScope } from '@vm-task/testing/broker';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

const programs: Readonly<Record<ServiceName, string>> = {
  intake: '../../../services/intake/src/main.ts',
  provisioner: './provisioner.ts',
  runner: './runner.ts',
  reaper: './reaper.ts',
};

const token = 'benchmark';
const body = '{"command":["true"]}';

export interface Services extends AsyncDisposable {
  readonly pids: Readonly<Record<ServiceName, number>>;
  /** Submits a trivial task by HTTP; returns its id once it was accepted. */
  submit(): Promise<string>;
}

/** Returns when all four are ready. `atOnce`: tasks that will be in flight at once. */
export async function startServices(broker: Broker, atOnce: number): Promise<Services> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('hops'));
  const home = homeAt(folder.path);
  await writeHome(home, broker, atOnce);
  const starting = services.map(async (name) => [name, await startService(home, name, started)] as const);
  const pids = Object.fromEntries(await Promise.all(starting)) as Services['pids'];
  const url = httpUrl(home);
  const agent = new Agent({ keepAlive: true });
  started.defer(() => agent.destroy());
  const all = started.move();
  return { pids, submit: () => submit(url, agent), [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function writeHome(home: Home, broker: Broker, atOnce: number): Promise<void> {
  for (const path of [home.credentials, home.run, home.logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const user of services) {
    writeFileSync(credentialFile(home, user), JSON.stringify(await broker.credentialsOf(user)), { mode: 0o600 });
  }
  writeFileSync(home.host, JSON.stringify({ id: sampleScope.host }));
  writeFileSync(join(home.credentials, 'http-token'), token, { mode: 0o600 });
  // A VM is there until a moment after its task has ended: with room for as many again, no task waits for that.
  const max = 2 * atOnce;
  const pools = { default: { max, warm: 0 } };
  const config = { http: { port: 0 }, pools, host: { maxVms: max }, runner: { maxTasks: atOnce } };
  // JSON is YAML.
  writeFileSync(home.config, JSON.stringify(config));
}

/** Returns its number when it is ready. */
async function startService(home: Home, name: ServiceName, started: AsyncDisposableStack): Promise<number> {
  const program = fileURLToPath(new URL(programs[name], import.meta.url));
  const logFile = join(home.logs, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, serviceArguments(program, home), { stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  started.defer(() => end(child));
  if (child.stdout === null) throw new Error('it was asked for');
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return child.pid ?? 0;
  throw new Error(`${name} does not start: ${readFileSync(logFile, 'utf8').slice(-4_000)}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** By `node:http`: what a client costs is on our side of the scales, and fetch costs twice as much. */
function submit(url: string, agent: Agent): Promise<string> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<string>();
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const asking = request(`${url}/v1/tasks`, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('end', () => {
      if (response.statusCode === 202) resolve((JSON.parse(text) as { id: string }).id);
      else reject(new Error(`intake says ${response.statusCode}: ${text}`));
    });
  });
  asking.on('error', reject);
  asking.end(body);
  return answered;
}
