import { writeFileSync } from 'node:fs';
import { readEnvironment } from '@vm-task/shared/environment';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { certifiedNames, loadConfig, parseConfig } from './config.ts';

/** The sentence of the error. */
function complaint(text: string): string {
  try {
    parseConfig(text, 'vm-task.yaml');
  } catch (error) {
    expect(error).toMatchObject({ name: 'VmTaskError', code: 'invalid-config' });
    return (error as Error).message;
  }
  return 'none';
}

function named(more: string): string {
  return `pools: { default: {}, kali: { driver: ssh, host: kali.example, user: root, key: keys/kali, ${more} } }`;
}

test('a named VM is a pool of one machine', () => {
  const { kali } = parseConfig(named('hostKey: "ssh-ed25519 AAAA"'), 'vm-task.yaml').pools;
  expect(kali).toMatchObject({ driver: 'ssh', port: 22, max: 1, warm: 0, runtimes: { shell: ['/bin/sh'] } });
});

test('nothing need be configured', () => {
  const config = parseConfig('', 'vm-task.yaml');
  expect(config.defaultPool).toBe('default');
  expect(config.pools).toEqual({
    default: {
      driver: 'qemu',
      image: 'python',
      sizes: [{ cpus: 1, memoryMiB: 512, diskMiB: 4096 }],
      max: 4,
      warm: 1,
    },
  });
  expect(config.http).toEqual({ host: '127.0.0.1', port: 7788 });
  expect(config.cancel.grace).toBe(10_000);
  expect(config.reaper.retention).toBe(30 * 24 * 3_600_000);
});

test('what is configured is taken, the rest keeps its default', () => {
  const config = parseConfig(
    'defaultPool: fast\npools: { fast: { warm: 0, max: 20 } }\nreaper: { sweep: 1s }',
    'vm-task.yaml',
  );
  expect(config.pools['fast']).toMatchObject({ warm: 0, max: 20, image: 'python' });
  expect(config.reaper).toMatchObject({ sweep: 1_000, orphanGrace: 30_000 });
});

test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('HTTP may listen on %s', (host) => {
  expect(parseConfig(`http: { host: "${host}" }`, 'test').http.host).toBe(host);
});

test.each([
  ['a: 1', 'vm-task.yaml: a: unknown key; known are defaultPool, pools,'],
  ['defaultPool: fast\npools: { fast: { imge: x } }', 'pools.fast.imge: unknown key; did you mean "image"?'],
  ['pools: { default: { sizes: [{ cpus: 1, memoryMB: 512, diskMiB: 600 }] } }', 'did you mean "memoryMiB"?'],
  ['http: { prt: 1 }', 'http.prt: unknown key; did you mean "port"?'],
  ['http: { host: 0.0.0.0 }', 'http.host: must be an address of the loopback while http.tls names no certificate'],
  ['http: { host: 192.168.1.5 }', 'http.host: must be an address of the loopback'],
  ['http: { host: "::" }', 'http.host: must be an address of the loopback'],
  ['http: { host: vm.example }', 'http.host: must be an address of the loopback'],
  ['http: { tls: { cert: a.pem } }', 'http.tls.key: '],
  ['http: { names: [vm.example] }', 'http.names: are for http.tls: true'],
  ['http: { host: 0.0.0.0, tls: true }', 'http.names: must say by which names or addresses others reach this machine'],
  ['http: { tls: true, names: ["a b"] }', 'http.names.0: '],
  [
    'nats: { servers: ["nats://nats.example:4222"] }',
    'nats.servers.0: "nats://nats.example:4222" must begin with tls://',
  ],
  ['nats: { servers: ["nats://192.0.2.7"] }', 'must begin with tls://: off this machine nothing goes in the clear'],
  ['nats: { servers: ["nats.example:4222"] }', 'must be as tls://nats.example:4222'],
  ['nats: { servers: ["tls://me:secret@nats.example"] }', 'must be as tls://nats.example:4222'],
  ['nats: { servers: ["tls://192.0.2.7:4222"] }', 'must have the name of the server, which its certificate is for'],
  ['nats: { servers: ["tls://a.example", "nats://localhost"] }', 'nats.servers: must all begin with tls://'],
  ['nats: { ca: ca.pem }', 'nats.ca: is for servers that begin with tls://'],
  ['http: { port: 99999 }', 'http.port: Too big'],
  ['pools: { default: { warm: 9 } }', 'pools.default.warm: 9 is more than max, 4'],
  ['pools: { a: {} }', 'defaultPool: "default" is none of a'],
  ['defaultPool: constructor', 'defaultPool: "constructor" is none of default'],
  ['pools: { "A b": {} }', 'pools.A b: must be 1 to 32 of a-z, 0-9 and inner dashes'],
  [named('hostKey: "ssh-rsa AAAA"'), 'pools.kali.hostKey: must be the key by which the machine proves itself'],
  [named(''), '/etc/ssh/ssh_host_ed25519_key.pub'],
  [named('hostKey: "ssh-ed25519 AAAA", warm: 1'), 'pools.kali.warm: unknown key'],
  ['pools: { default: { driver: shh } }', 'pools.default.driver: must be one of qemu, ssh'],
  ['pools: { default: 5 }', 'pools.default: must be a map, not a number'],
  ['cancel: { grace: 10 }', 'cancel.grace: 10 is not a duration; write it as'],
  ['pools: 5', 'pools: must be a map, not a number'],
  ['[1]', 'the whole: must be a map, not a list'],
  [': :', 'vm-task.yaml is not YAML: '],
  ['a: 1\na: 2', 'duplicated mapping key at line 2'],
  ['a: *b', 'unidentified alias "b" at line 1'],
  ['['.repeat(20_000), 'vm-task.yaml is not YAML: '],
])('%j is an error that says what is wrong', (text, sentence) => {
  expect(complaint(text)).toContain(sentence);
});

test('a YAML bomb is refused before it unfolds', () => {
  const levels = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (const [index, name] of [...'bcdefghi'].entries()) {
    const below = 'abcdefgh'[index];
    levels.push(`${name}: &${name} [${Array(9).fill(`*${below}`).join(',')}]`);
  }
  // Unfolded it would be 387 million nodes, and never come to a complaint.
  expect(complaint(levels.join('\n'))).toContain('its aliases unfold to more than');
});

test("a home's file is read; a home without one has the defaults; one that cannot be read is an error", async () => {
  await using folder = await makeTempFolder('config');
  const home = homeAt(folder.path);
  expect(loadConfig(home).pools['default']?.max).toBe(4);
  writeFileSync(home.config, 'pools: { default: { max: 7 } }');
  expect(loadConfig(home).pools['default']?.max).toBe(7);
  writeFileSync(home.config, Buffer.from('pools: { default: { image: ü } }', 'latin1'));
  expect(() => loadConfig(home)).toThrow(
    `${home.config} cannot be taken: it has to be UTF-8, and is not from byte 28 on`,
  );
  const unreadable = homeAt(home.config);
  expect(() => loadConfig(unreadable)).toThrow(expect.objectContaining({ code: 'invalid-config' }));
});

test('teams have quotas, by name; one that is not known is named, and so is one that is no number', () => {
  const quotas = (text: string) => `teams: { red: { quotas: ${text} } }`;
  expect(parseConfig(quotas('{ waitingTasks: 0, outputMiB: 5 }'), 'vm-task.yaml').teams).toEqual({
    red: { quotas: { waitingTasks: 0, outputMiB: 5 } },
  });
  expect(parseConfig('teams: { red: {} }', 'vm-task.yaml').teams).toEqual({ red: { quotas: {} } });
  expect(complaint(quotas('{ waitingTask: 1 }'))).toContain('teams.red.quotas.waitingTask: unknown key; did you mean');
  expect(complaint(quotas('{ messages: -1 }'))).toContain('teams.red.quotas.messages');
  expect(complaint('teams: { Red: {} }')).toContain('teams.Red');
});

test('an option wins over the environment, and a path with control characters is refused', () => {
  expect(readEnvironment('/somewhere').home.root).toBe('/somewhere');
  expect(readEnvironment('relative').home.root).toBe(`${process.cwd()}/relative`);
  expect(() => readEnvironment('/some\nwhere')).toThrow('VM_TASK_HOME has a control character');
});

test('HTTP may be reached from elsewhere where it has a certificate', () => {
  const { http } = parseConfig('http: { host: 0.0.0.0, tls: { cert: tls/cert.pem, key: tls/key.pem } }', 'test');
  expect(http).toEqual({ host: '0.0.0.0', port: 7788, tls: { cert: 'tls/cert.pem', key: 'tls/key.pem' } });
});

test.each([
  ['http: { tls: { cert: a.pem, key: b.pem } }', null],
  ['http: { tls: true }', ['127.0.0.1']],
  ['http: { tls: true, host: 0.0.0.0, names: [vm.example, 192.0.2.7] }', ['vm.example', '192.0.2.7']],
  ['http: { tls: true, host: vm.example, names: ["2001:db8::7"] }', ['vm.example', '2001:db8::7']],
])('a certificate of the home for %s is for %j besides the loopback', (text, names) => {
  expect(certifiedNames(parseConfig(text, 'test'))).toEqual(names);
});
