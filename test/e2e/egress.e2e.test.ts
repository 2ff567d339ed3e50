/** What a guest reaches, in both egress modes, inside network namespaces from which nothing can leave. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { needs } from '@vm-task/testing/needs';
import { beforeAll, expect, test } from 'vitest';
import { addresses, hostPort, internetPort, lendNetworkLab } from './network-lab.ts';
import { lendVms, prepareLimitMs, smallClass } from './vms.ts';

/** A connection to each of `targets` that gets a greeting; run by bash, on the host or in the guest. */
const probe = (targets: readonly string[]) => `
  for target in ${targets.join(' ')}; do
    said=$(timeout 5 bash -c 'exec 3<>/dev/tcp/'\${target%:*}/\${target#*:}' && head -c 5 <&3' 2>/dev/null)
    [ "$said" = hello ] && echo "$target"
  done
  true`;

const hostServices = [`127.0.0.1:${hostPort}`, `${addresses.host}:${hostPort}`];
const internetService = `${addresses.internet}:${internetPort}`;
const deniedService = `${addresses.denied}:${internetPort}`;
const privateService = `${addresses.privateNetwork}:${internetPort}`;
const everything = [
  ...hostServices,
  internetService,
  deniedService,
  privateService,
  // How a guest of QEMU's user networking sees the host's loopback, and 0.0.0.0, which a host takes for its own.
  `10.0.2.2:${hostPort}`,
  `0.0.0.0:${hostPort}`,
  `example.org:${internetPort}`,
];

/** As root in the guest: 127.0.0.1 is sent out to the gateway as it is, instead of staying inside. */
const rawLoopback = `
  echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
  ip address flush dev lo
  ip route add 127.0.0.1 via 10.0.2.2 dev eth0
  ip route get 127.0.0.1 | grep -q 'via 10.0.2.2' && echo routed
  before=$(cat /sys/class/net/eth0/statistics/tx_packets)
  ${probe([`127.0.0.1:${hostPort}`])}
  [ $(cat /sys/class/net/eth0/statistics/tx_packets) -gt $before ] && echo sent`;

const onHost = `
  import { execFileSync } from 'node:child_process';
  import { lendVms, smallClass } from ${JSON.stringify(import.meta.resolve('./vms.ts'))};
  const [egress, ...commands] = process.argv.slice(1);
  if (egress === 'host') console.log(JSON.stringify(commands.map((command) => execFileSync('bash', ['-c', command]).toString())));
  else {
    await using vms = await lendVms({ config: 'egress: { deny: [203.0.113.64/28] }' });
    const vmClass = { ...smallClass, egress };
    await vms.hypervisor.prepare(vmClass, () => {}, new AbortController().signal);
    const vm = await vms.ready(vmClass);
    const said = [];
    for (const command of commands) said.push(await vms.ssh(vm, command));
    console.log(JSON.stringify(said));
  }`;

async function reachedFrom(egress: 'host' | 'none' | 'internet', ...commands: string[]): Promise<string[][]> {
  await using lab = await lendNetworkLab();
  const said: string[] = JSON.parse(await lab.onHost(onHost, [egress, ...commands]));
  return said.map((lines) => lines.split('\n').filter((line) => line !== ''));
}

beforeAll(async () => {
  // With the network that the image may need; the namespaces have none.
  await using vms = await lendVms();
  await vms.hypervisor.prepare(smallClass, () => {}, new AbortController().signal);
}, prepareLimitMs);

needs.root(test)('the host itself reaches all that the guests are tried on', async () => {
  const [reached] = await reachedFrom('host', probe(everything));
  expect(reached).toEqual(everything.filter((target) => !target.startsWith('10.0.2.2')));
});

needs.root(test)('egress none: a guest reaches nothing, not even by raw frames', async () => {
  const [reached, raw] = await reachedFrom('none', probe(everything), rawLoopback);
  expect(reached).toEqual([]);
  expect(raw).toEqual(['routed', 'sent']);
});

needs.root(test)('egress internet: a guest reaches the internet by name and address, and nothing else', async () => {
  const [reached, raw] = await reachedFrom('internet', probe(everything), rawLoopback);
  expect(reached).toEqual([internetService, `example.org:${internetPort}`]);
  expect(raw).toEqual(['routed', 'sent']);
});

needs.root(test)('egress internet is refused with a sentence where there is no network to join', async () => {
  const script = `
    import { lendVms, smallClass } from ${JSON.stringify(import.meta.resolve('./vms.ts'))};
    await using vms = await lendVms();
    const preparation = vms.hypervisor.prepare({ ...smallClass, egress: 'internet' }, () => {}, new AbortController().signal);
    console.log(await preparation.then(() => 'prepared', (error) => error.code + ': ' + error.message));`;
  const alone = ['--net', '--', process.execPath, '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)('unshare', alone);
  expect(stdout).toMatch(
    /^egress-unavailable: egress: internet needs a network namespace.*none can be made here: .*; apt-get install passt/,
  );
});
