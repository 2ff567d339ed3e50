/** What a guest reaches that may reach some names, inside network namespaces from which nothing can leave. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { needs } from '@vm-task/testing/needs';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { beforeAll, expect, test } from 'vitest';
import { addresses, lendNetworkLab } from './network-lab.ts';
import { lendVms, prepareLimitMs, smallClass } from './vms.ts';

const vmClass = { ...smallClass, image: { name: 'python', version: null } } as const;
const allow = [
  '*.code.example:443',
  'git.example:2222',
  'packages.example:443',
  'packages.example:80',
  'rebound.example:443',
];

/** Names and their addresses on the internet of the lab; nobody may reach the ones at the end. */
const names = {
  'packages.example': addresses.internet,
  'a.code.example': addresses.examples,
  'git.example': addresses.internet,
  'rebound.example': addresses.privateNetwork,
  'evil.example': addresses.internet,
} as const;

/** Says on each port who was asked for, and counts the questions of its resolver. */
const internet = `
import { readFileSync, appendFileSync } from 'node:fs';
import { createServer as http } from 'node:http';
import { createServer as https } from 'node:https';
import { createServer as tcp } from 'node:net';
const [key, cert] = process.argv.slice(1).map((path) => readFileSync(path));
https({ key, cert }, (question, answer) => answer.end('tls ' + question.socket.servername)).listen(443, '0.0.0.0');
http((question, answer) => answer.end('http ' + question.headers.host)).listen(80, '0.0.0.0');
tcp((socket) => socket.on('error', () => {}).end('plain')).listen(2222, '0.0.0.0', () => console.log('up'));`;

/** Python in the guest: a try for each line of its input, [what, address or name, port, name that is said]. */
const tries = `
import http.client, json, socket, ssl, sys
def tls(host, port, said):
    context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), 8) as plain, context.wrap_socket(plain, server_hostname=said) as secure:
        secure.sendall(b'GET / HTTP/1.0\\r\\nHost: ' + said.encode() + b'\\r\\n\\r\\n')
        return b''.join(iter(lambda: secure.recv(4096), b'')).decode().splitlines()[-1]
def web(host, port, said):
    connection = http.client.HTTPConnection(host, port, timeout=8)
    connection.request('GET', '/', headers={'Host': said})
    answer = connection.getresponse()
    return answer.read().decode() if answer.status == 200 else 'refused'
def plain(host, port, said):
    with socket.create_connection((host, port), 8) as connection:
        connection.settimeout(8)
        return connection.recv(100).decode() or 'refused'
def name(host, port, said):
    return socket.gethostbyname(host)[:7]
for line in sys.argv[1:]:
    what, host, port, said = json.loads(line)
    try: print({'tls': tls, 'web': web, 'plain': plain, 'name': name}[what](host, port, said))
    except (OSError, http.client.HTTPException): print('refused')
`;

type Try = readonly [what: 'tls' | 'web' | 'plain' | 'name', host: string, port: number, said: string];

const expected: readonly (readonly [Try, string])[] = [
  [['tls', 'packages.example', 443, 'packages.example'], 'tls packages.example'],
  [['tls', 'a.code.example', 443, 'a.code.example'], 'tls a.code.example'],
  [['web', 'packages.example', 80, 'packages.example'], 'http packages.example'],
  [['plain', 'git.example', 2222, ''], 'plain'],
  // Another name, and each kind of lie about it.
  [['name', 'evil.example', 0, ''], 'refused'],
  [['tls', 'packages.example', 443, 'evil.example'], 'refused'],
  [['tls', 'packages.example', 443, 'a.code.example'], 'refused'],
  [['tls', 'a.code.example', 443, 'code.example.evil.example'], 'refused'],
  [['web', 'packages.example', 80, 'evil.example'], 'refused'],
  // What is no TLS where TLS is said, other ports, and addresses.
  [['web', 'packages.example', 443, 'packages.example'], 'refused'],
  [['plain', 'packages.example', 2222, ''], 'refused'],
  [['plain', 'packages.example', 22, ''], 'refused'],
  [['tls', addresses.internet, 443, 'packages.example'], 'refused'],
  [['plain', addresses.internet, 2222, ''], 'refused'],
  [['plain', addresses.privateNetwork, 2222, ''], 'refused'],
  [['plain', '169.254.169.254', 2222, ''], 'refused'],
  [['plain', '10.0.2.2', 2222, ''], 'refused'],
  [['plain', '192.0.2.9', 2222, ''], 'refused'],
  [['plain', '192.0.2.2', 2222, ''], 'refused'],
  // A name that leads to a private address.
  [['tls', 'rebound.example', 443, 'rebound.example'], 'refused'],
  // A tunnel: what is below a name is answered here, and never asked of anybody.
  [['name', 'c2VjcmV0.packages.example', 0, ''], 'refused'],
  [['name', 'c2VjcmV0.code.example', 0, ''], '198.18.'],
  [['name', 'c2VjcmV0.evil.example', 0, ''], 'refused'],
];

const onHost = `
  import { lendVms } from ${JSON.stringify(import.meta.resolve('./vms.ts'))};
  const [vmClass, command] = process.argv.slice(1);
  await using vms = await lendVms();
  await vms.hypervisor.prepare(JSON.parse(vmClass), () => {}, new AbortController().signal);
  const vm = await vms.ready(JSON.parse(vmClass));
  console.log(await vms.ssh(vm, command));`;

/** Nobody asks who has signed it. */
async function certificateFor(key: string): Promise<string> {
  const validity = { days: 2, now: new Date() };
  const authority = { key, certificate: await issueAuthority(key, 'lab', validity) };
  return await issueCertificate(authority, key, ['lab.example'], validity);
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

beforeAll(async () => {
  // With the network that the image may need; the namespaces have none.
  await using vms = await lendVms();
  await vms.hypervisor.prepare(vmClass, () => {}, new AbortController().signal);
}, prepareLimitMs);

needs.root(test)(
  'egress by name: a guest reaches these names on these ports, and nothing else however it says it',
  async () => {
    await using folder = await makeTempFolder('certificate');
    const questions = join(folder.path, 'questions');
    await using lab = await lendNetworkLab({ names, questions });
    const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
    await writeFile(key, newKey());
    await writeFile(cert, await certificateFor(await readFile(key, 'utf8')));
    await lab.serveInternet([process.execPath, '--input-type=module', '--eval', internet, key, cert]);
    const words = expected.map(([one]) => quote(JSON.stringify(one)));
    const command = `python3 -c ${quote(tries)} ${words.join(' ')}`;
    const said = await lab.onHost(onHost, [JSON.stringify({ ...vmClass, allow }), command]);
    expect(
      said
        .trimEnd()
        .split('\n')
        .map((answer, index) => [expected[index]?.[0], answer]),
    ).toEqual(expected.map(([one, answer]) => [one, answer]));
    const asked = await readFile(questions, 'utf8');
    expect(asked).toContain('packages.example');
    expect(asked).not.toContain('c2VjcmV0');
  },
);
