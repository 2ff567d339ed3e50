/** A server as `up` starts it: generated configuration, generated credentials, every stream made. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { type BrokerUser, readBrokerAddress } from '@vm-task/bus/credentials';
import { serverProgram } from '@vm-task/bus/streams';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { type Home, homeAt } from '@vm-task/shared/home';
import { sampleScope } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { prepareBroker } from '../src/broker.ts';
import { writeBrokerFiles } from '../src/broker-config.ts';
import { type ChildReport, superviseChild } from '../src/child.ts';

export interface EmbeddedBroker extends AsyncDisposable {
  readonly home: Home;
  readonly url: string;
  connect(user: BrokerUser): Promise<Connection>;
  /** Kills the server, which its supervision starts again; returns when it is ready. */
  crash(): Promise<void>;
  /** Ends the server, and returns what starts it again where it was. */
  leave(): Promise<() => Promise<void>>;
}

export async function startEmbedded(root: string): Promise<EmbeddedBroker> {
  const home = homeAt(root);
  mkdirSync(home.run, { recursive: true });
  const port = await freePort(0);
  let running = await start(home, port);
  return {
    home,
    url: running.url,
    connect: (user) => openConnection(readBrokerAddress(home, user), `test ${user}`),
    crash: () => running.crash(),
    async leave() {
      await running.end();
      return async () => {
        running = await start(home, port);
      };
    },
    [Symbol.asyncDispose]: () => running.end(),
  };
}

async function start(
  home: Home,
  port: number,
): Promise<{ end: () => Promise<void>; crash: () => Promise<void>; url: string }> {
  const { config, url } = await writeBrokerFiles(home, sampleScope, port);
  const stop = new AbortController();
  const reports: ChildReport[] = [];
  const over = superviseChild(
    {
      name: 'nats-server',
      command: serverProgram,
      args: ['-c', config],
      logFile: join(home.root, 'nats.log'),
      ready: async (signal) => void (await prepareBroker(home, sampleScope, signal)),
    },
    { stop: stop.signal, graceMs: 10_000, report: (report) => void reports.push(report) },
  );
  await eventually(() => reports.some(({ state }) => state === 'ready'), { what: 'the server is ready' });
  const end = async () => {
    stop.abort();
    await over;
  };
  const isReady = () => reports.at(-1)?.state === 'ready';
  const crash = async () => {
    const before = reports.length;
    process.kill(reports.at(-1)?.pid ?? 0, 'SIGKILL');
    await eventually(() => reports.length > before && isReady(), { what: 'the server is ready again' });
  };
  return { end, crash, url };
}
