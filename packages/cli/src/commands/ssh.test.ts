import { expect, it } from 'vitest';
import { sshArguments } from './ssh.ts';

const access = { host: '127.0.0.1', port: 40_022, user: 'root', hostKey: 'ssh-ed25519 AAAA' };

it('a login goes to the pinned machine with the key of the VM, whatever the user has set up', () => {
  const args = sshArguments({ access, key: '/home/vms/vm-1/key' }, '/run/known-hosts', ['hostname', '-f']);
  expect(args.slice(0, 8)).toEqual(['-F', 'none', '-i', '/home/vms/vm-1/key', '-p', '40022', '-l', 'root']);
  expect(args).toContain('StrictHostKeyChecking=yes');
  expect(args).toContain('UserKnownHostsFile="/run/known-hosts"');
  expect(args.slice(-4)).toEqual(['--', '127.0.0.1', 'hostname', '-f']);
});
