/**
 * A host and its internet, as two network namespaces joined by a cable of their own: no packet can leave them. In the
 * host, services listen on loopback and on its address. In the internet there are public addresses and one of each
 * kind that no guest may reach, all with a service, and a resolver. Root only.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { noteUndo } from '@vm-task/testing/undo';

const run = promisify(execFile);

/** From the ranges for documentation, but the private one (RFC 5737, RFC 1918). */
export const addresses = {
  host: '198.51.100.1',
  gateway: '198.51.100.2',
  internet: '203.0.113.7',
  denied: '203.0.113.66',
  privateNetwork: '10.9.9.9',
  /** The git server that the examples name. */
  examples: '198.51.100.10',
} as const;
/** A provider's own, two services of clouds for their machines, private ones, a relay of old, one for benchmarks. */
export const specialAddresses = [
  '100.64.0.9',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.5.4',
  '192.168.77.1',
  '192.88.99.1',
  '198.18.0.9',
] as const;
export const hostPort = 4222;
export const internetPort = 8080;

/** A VM and a few connections that time out. */
const commandLimitMs = 5 * 60_000;

export interface NetworkLab extends AsyncDisposable {
  /** What a command line begins with to run in the host. */
  readonly host: readonly string[];
  /** The same on its internet: on another machine. */
  readonly internet: readonly string[];
  /** Starts a program in the internet, which ends with the lab; it is up when it prints something. */
  serveInternet(command: readonly string[]): Promise<void>;
  /** What the module prints, run by Node in the host with `args`. */
  onHost(module: string, args: readonly string[]): Promise<string>;
}

const greeter = (address: string, port: number) =>
  `require('net').createServer((s) => s.on('error', () => {}).end('hello')).listen(${port}, '${address}', () => console.log('up'))`;

/** Answers with the name's address, every other question with the public one, and writes down who was asked for. */
const resolver = `
const [names, questions] = process.argv.slice(1);
const nameOf = (question, at = 12) => {
  const length = question[at];
  return length === 0 ? '' : '.' + question.subarray(at + 1, at + 1 + length) + nameOf(question, at + 1 + length);
};
const socket = require('dgram').createSocket('udp4');
socket.on('message', (question, peer) => {
  const end = question.indexOf(0, 12) + 5;
  const name = nameOf(question).slice(1);
  if (questions) require('fs').appendFileSync(questions, name + '\\n');
  const address = JSON.parse(names)[name] ?? '${addresses.internet}';
  const header = Buffer.concat([question.subarray(0, 2), Buffer.from('81800001000100000000', 'hex')]);
  const record = Buffer.from('c00c0001000100000001' + '0004' + address.split('.').map((n) => (+n).toString(16).padStart(2, '0')).join(''), 'hex');
  socket.send(Buffer.concat([header, question.subarray(12, end), record]), peer.port, peer.address);
});
socket.bind(53, '${addresses.gateway}', () => console.log('up'));`;

interface LabOptions {
  /** Addresses of names on its internet. */
  readonly names?: Readonly<Record<string, string>>;
  /** A file that gets the name of each question. */
  readonly questions?: string;
}

export async function lendNetworkLab({ names = {}, questions = '' }: LabOptions = {}): Promise<NetworkLab> {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeTempFolder('network'));
  const host = await addNamespace(made, 'host');
  const internet = await addNamespace(made, 'internet');
  await layCable(host, internet);
  for (const address of ['127.0.0.1', addresses.host]) await serve(made, host, node(greeter(address, hostPort)));
  await serve(made, internet, node(greeter('0.0.0.0', internetPort)));
  await serve(made, internet, [...node(resolver), JSON.stringify(names), questions]);
  const resolvConf = join(folder.path, 'resolv.conf');
  await writeFile(resolvConf, `nameserver ${addresses.gateway}\n`);
  // `ip netns exec` has a mount namespace of its own, so the resolver is this program's alone.
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  const inHost = ['netns', 'exec', host, 'sh', '-c', script, resolvConf];
  const all = made.move();
  return {
    host: ['ip', ...inHost],
    internet: ['ip', 'netns', 'exec', internet],
    serveInternet: (command) => serve(all, internet, command),
    async onHost(module, args) {
      const command = [process.execPath, '--input-type=module', '--eval', module, ...args];
      const { stdout } = await run('ip', [...inHost, ...command], { timeout: commandLimitMs });
      return stdout;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function addNamespace(made: AsyncDisposableStack, what: string): Promise<string> {
  const name = `vm-task-test-${process.pid}-${what}`;
  made.use(noteUndo('ip', 'netns', 'delete', name));
  await ip('netns', 'add', name);
  made.defer(() => ip('netns', 'delete', name));
  return name;
}

async function layCable(host: string, internet: string): Promise<void> {
  await ip('link', 'add', 'cable', 'netns', host, 'type', 'veth', 'peer', 'name', 'cable', 'netns', internet);
  for (const name of [host, internet]) {
    for (const device of ['lo', 'cable']) await ip('-n', name, 'link', 'set', device, 'up');
  }
  await ip('-n', host, 'address', 'add', `${addresses.host}/24`, 'dev', 'cable');
  await ip('-n', host, 'route', 'add', 'default', 'via', addresses.gateway);
  await ip('-n', internet, 'address', 'add', `${addresses.gateway}/24`, 'dev', 'cable');
  for (const address of [
    addresses.internet,
    addresses.denied,
    addresses.privateNetwork,
    addresses.examples,
    ...specialAddresses,
  ]) {
    await ip('-n', internet, 'address', 'add', `${address}/32`, 'dev', 'lo');
  }
}

const node = (script: string) => [process.execPath, '--eval', script];

/** Returns when the program says that it is up. */
async function serve(made: AsyncDisposableStack, namespace: string, command: readonly string[]): Promise<void> {
  const server = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  made.defer(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  await once(server.stdout, 'data');
}

async function ip(...words: string[]): Promise<void> {
  await run('ip', words);
}
