/** A server as `up` starts it: generated configuration, generated credentials, every stream made. */
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
  /** As `down` and `up`: with the credentials that the home has then. */
  restart(): Promise<void>;
}

export async function startEmbedded(root: string): Promise<EmbeddedBroker> {
  const home = homeAt(root);
  const port = await freePort(0);
  let { end, url } = await start(home, port);
  return {
    home,
    get url() {
      return url;
    },
    connect: (user) => openConnection(readBrokerAddress(home, user), `test ${user}`),
    async restart() {
      await end();
      ({ end, url } = await start(home, port));
    },
    [Symbol.asyncDispose]: () => end(),
  };
}

async function start(home: Home, port: number): Promise<{ end: () => Promise<void>; url: string }> {
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
  return { end, url };
}
