/** Another user of this machine, who takes a port that somebody else has left, and writes down what is sent to it. Needs root. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dyingWithUs } from './processes.ts';

/** Debian's `nobody`: anybody but who runs the system. */
const uid = 65_534;

export interface Squatter extends AsyncDisposable {
  /** What has been sent to it so far, by everybody. */
  heard(): string;
}

/** What it does to whoever comes. */
export interface Manners {
  /** What it says first. */
  readonly greeting?: string;
  /** A certificate and its key: it speaks TLS after that. */
  readonly pem?: string;
}

const program = `
process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
const [port, greeting, pem] = process.argv.slice(1);
const { createServer } = require('node:net');
const { TLSSocket } = require('node:tls');
createServer((socket) => {
  process.stdout.write('<connected>');
  socket.on('error', () => {});
  socket.write(greeting);
  const heard = pem === '' ? socket : new TLSSocket(socket, { isServer: true, cert: pem, key: pem });
  heard.on('error', () => {});
  heard.on('data', (data) => process.stdout.write(data));
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('<listening>'));
`;

/** Returns when it listens on that port of the loopback. */
export async function startSquatter(port: number, { greeting = '', pem = '' }: Manners = {}): Promise<Squatter> {
  const child = spawn(...dyingWithUs(process.execPath, '-e', program, String(port), greeting, pem), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let heard = '';
  child.stdout.on('data', (data: Buffer) => {
    heard += data.toString('latin1');
  });
  const gone = once(child, 'exit');
  const failed = gone.then(([code]) => Promise.reject(new Error(`nobody could take port ${port}: ${code}`)));
  failed.catch(() => undefined);
  await Promise.race([once(child.stdout, 'data'), failed]);
  return {
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
