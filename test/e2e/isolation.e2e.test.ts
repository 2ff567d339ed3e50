/** What a task reaches of the system that runs it. What a VM reaches as such, by name and by other ways: `egress.e2e.test.ts`. */
import { needs } from '@vm-task/testing/needs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addresses, hostPort, internetPort, lendNetworkLab, type NetworkLab, specialAddresses } from './network-lab.ts';
import { lendSystem, type TestSystem } from './system.ts';
import type { Shown, Status } from './views.ts';

/** The result is every target that took a connection: as a program has it, then with loopback's own sent out by the network. */
const probe = `
import concurrent.futures, json, os, socket, subprocess

def reaches(target):
    host, port = target.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        return True
    except OSError:
        return False

def reached(targets):
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
        return [target for target, yes in zip(targets, pool.map(reaches, targets)) if yes]

inputs = json.load(open(os.environ["VM_TASK_INPUTS"]))
usual = reached(inputs["targets"])
with open("/proc/sys/net/ipv4/conf/all/route_localnet", "w") as setting:
    setting.write("1")
subprocess.run("ip address flush dev lo && ip route add 127.0.0.1 via 10.0.2.2 dev eth0", shell=True, check=True)
raw = reached(inputs["loopback"])
json.dump({"usual": usual, "raw": raw}, open(os.environ["VM_TASK_RESULT"], "w"))
`;

/** Prints those of its arguments that take a connection. */
const hostProbe = `
import { connect } from 'node:net';
const reaches = (target) => new Promise((resolve) => {
  const [host, port] = target.split(':');
  const socket = connect(Number(port), host, () => resolve(true)).on('error', () => resolve(false)).setTimeout(5_000, () => resolve(false));
  socket.unref();
});
const targets = process.argv.slice(1);
const answers = await Promise.all(targets.map(reaches));
console.log(JSON.stringify(targets.filter((_, index) => answers[index])));
process.exit();`;

const internetTargets = [`${addresses.internet}:${internetPort}`, `${addresses.examples}:${internetPort}`];
const specialTargets = [addresses.privateNetwork, ...specialAddresses].map((address) => `${address}:${internetPort}`);

needs.root(describe)('a task', () => {
  let lab: NetworkLab;
  let system: TestSystem;
  /** NATS and HTTP of the system itself, and another service of its host. */
  let ports: string[];

  beforeAll(async () => {
    lab = await lendNetworkLab();
    system = await lendSystem({ pools: { default: { warm: 0 } } }, lab.host);
    expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
    const { nats, http } = await system.json<Status>(['status']);
    ports = [new URL(nats.url).port, new URL(http.url).port, String(hostPort)];
  });

  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const at = (address: string) => ports.map((port) => `${address}:${port}`);

  async function reachedWith(egress: 'none' | 'internet'): Promise<unknown> {
    const targets = [...at('10.0.2.2'), ...at(addresses.host), ...internetTargets, ...specialTargets];
    const task = { egress, runtime: 'python', run: probe, inputs: { targets, loopback: at('127.0.0.1') } };
    const { exitCode, stderr } = await system.vmTask(['run', await system.taskFile(task)]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
    return tasks[0]?.result;
  }

  it('is tried on what its host does reach', async () => {
    const targets = [...at('127.0.0.1'), `${addresses.host}:${hostPort}`, ...internetTargets, ...specialTargets];
    expect(JSON.parse(await lab.onHost(hostProbe, targets))).toEqual(targets);
  });

  it('reaches nothing with egress none', async () => {
    expect(await reachedWith('none')).toEqual({ usual: [], raw: [] });
  });

  it('reaches the internet and nothing else with egress internet', async () => {
    expect(await reachedWith('internet')).toEqual({ usual: internetTargets, raw: [] });
  });
});
