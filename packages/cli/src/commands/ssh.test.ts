import { expect, it } from 'vitest';
import { sshArguments } from './ssh.ts';

const access = { host: '127.0.0.1', port: 40_022, user: 'root', hostKey: 'ssh-ed25519 AAAA' };

it('a login goes to the pinned machine with the key of the VM, whatever the user has set up', () => {
  const args = sshArguments({ access, key: '/home/vms/vm-1/key' }, '/run/known-hosts', ['hostname', '-f']);
  expect(args.slice(0, 8)).toEqual(['-F', 'none', '-i', '/home/vms/vm-1/key', '-p', '40022', '-l', 'root']);
  expect(args).toContain('StrictHostKeyChecking=yes');
  expect(args).toContain('UserKnownHostsFile="/run/known-hosts"');
  expect(args.slice(-3)).toEqual(['--', '127.0.0.1', `'hostname' '-f'`]);
});

it('words of a command stay words, and a single one is a line for the shell there', () => {
  const commandOf = (...words: readonly string[]) => sshArguments({ access, key: '/k' }, '/h', words).slice(-1);
  expect(commandOf('sh', '-c', `echo "a   b"; echo 'c'`)).toEqual([`'sh' '-c' 'echo "a   b"; echo '\\''c'\\'''`]);
  expect(commandOf('printf', '')).toEqual([`'printf' ''`]);
  expect(commandOf('ls | wc -l')).toEqual(['ls | wc -l']);
});

it('a percent sign in the path of the home is one', () => {
  const args = sshArguments({ access, key: '/h pct %d/key' }, '/h pct %d/known', []);
  expect(args).toContain('/h pct %%d/key');
  expect(args).toContain('UserKnownHostsFile="/h pct %%d/known"');
  expect(args.at(-1)).toBe('127.0.0.1');
});
