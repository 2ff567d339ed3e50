import { expect, test } from 'vitest';
import { commandLine, type Machine } from './command-line.ts';

const clone: Machine = {
  mark: '/home/vms/vm-1',
  size: { cpus: 2, memoryMiB: 384, diskMiB: 2048 },
  accelerator: 'tcg',
  port: 40_001,
  restricted: true,
  start: { kind: 'clone' },
};
const kernel = { path: 'vmlinuz', initrd: 'initrd.img', cmdline: 'root=/dev/vda console=ttyS0' };
const booting: Machine = { ...clone, start: { kind: 'boot', kernel, credentials: ['credential.a,b'] } };

function valuesOf(option: string, argv: readonly string[]): string[] {
  return argv.flatMap((word, n) => (word === option ? [argv[n + 1] ?? ''] : []));
}

test('a clone maps the memory privately from a file that it can only read', () => {
  const [object] = valuesOf('-object', commandLine(clone));
  expect(object).toBe('memory-backend-file,id=memory,size=384M,mem-path=memory,share=off,readonly=on,rom=off');
});

test('a booting machine shares its memory with the file that becomes the snapshot', () => {
  const [object] = valuesOf('-object', commandLine(booting));
  expect(object).toBe('memory-backend-file,id=memory,size=384M,mem-path=memory,share=on');
});

test('only a clone writes to a disk of its own', () => {
  expect(valuesOf('-drive', commandLine(clone))[0]).toContain('snapshot=on');
  expect(valuesOf('-drive', commandLine(booting))[0]).not.toContain('snapshot');
});

test('every machine has the whole sandbox', () => {
  for (const machine of [clone, booting]) {
    expect(valuesOf('-sandbox', commandLine(machine))).toEqual([
      'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ]);
  }
});

test('the network is closed but for the forwarded port, unless it has a namespace of its own', () => {
  expect(valuesOf('-netdev', commandLine(clone))).toEqual([
    'user,id=net,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:40001-:22',
  ]);
  expect(valuesOf('-netdev', commandLine({ ...clone, restricted: false }))[0]).toContain('restrict=off');
});

test('a clone and what it was frozen from are the same machine', () => {
  const startOnly = ['-object', '-drive', '-incoming', '-kernel', '-append', '-initrd', '-smbios'];
  const rest = (machine: Machine) => {
    const argv = commandLine(machine);
    return argv.filter((word, n) => !startOnly.includes(word) && !startOnly.includes(argv[n - 1] ?? ''));
  };
  expect(rest(clone)).toEqual(rest(booting));
});

test('the kernel and the credentials come from the working directory, commas and all', () => {
  const argv = commandLine(booting);
  expect(valuesOf('-kernel', argv)).toEqual(['vmlinuz']);
  expect(valuesOf('-append', argv)).toEqual(['root=/dev/vda console=ttyS0']);
  expect(valuesOf('-initrd', argv)).toEqual(['initrd.img']);
  expect(valuesOf('-smbios', argv)).toEqual(['type=11,path=credential.a,,b']);
});

test('a disk with a boot loader needs no kernel', () => {
  const argv = commandLine({ ...booting, start: { kind: 'boot', kernel: null, credentials: [] } });
  expect(argv).not.toContain('-kernel');
  expect(argv).not.toContain('-initrd');
});
