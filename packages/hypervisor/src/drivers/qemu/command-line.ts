/** QEMU's command line, in this one place. All paths but the mark are relative to its working directory. */
import type { Size } from '@vm-task/shared/sizes';
import { escapeOption } from './marked-process.ts';

/** Part of every snapshot's key: a state loads only into the machine that it was saved from. Raise it with every change here. */
export const machineFormat = 2;

export type Accelerator = 'kvm' | 'tcg';

/** The files of a machine's working directory. */
export const files = {
  memory: 'memory',
  state: 'state',
  /** What the guest wrote while it booted, over `base`. */
  disk: 'disk.qcow2',
  base: 'base.qcow2',
} as const;

/** Made by QEMU in its working directory: the host's end of the port by which a clone gets its identity. */
export const identitySocket = 'identity.sock';

export interface Machine {
  /** What this QEMU is found by. */
  readonly mark: string;
  readonly size: Size;
  readonly accelerator: Accelerator;
  /** Where the guest's SSH is forwarded from, on 127.0.0.1. */
  readonly port: number;
  /** False: its packets go wherever those of QEMU's own network namespace go. */
  readonly restricted: boolean;
  readonly start: Start;
}

export type Start =
  | {
      readonly kind: 'boot';
      /** Null: by the disk's own boot loader. */
      readonly kernel: { readonly path: string; readonly initrd: string | null; readonly cmdline: string } | null;
      /** Files with systemd credentials, one each. */
      readonly credentials: readonly string[];
    }
  /** From `state`, `memory` and `disk`, which are only read. */
  | { readonly kind: 'clone' };

/**
 * The machine's monitor is standard output and its console standard input, both sockets that QEMU inherits: what wraps
 * QEMU may close every other file. Started, a clone waits for `migrate-incoming`, and then runs at once.
 */
export function commandLine(machine: Machine): string[] {
  const { size, port } = machine;
  const restrict = machine.restricted ? 'on' : 'off';
  return [
    ...['-name', machine.mark],
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-machine', 'pc,usb=off,vmport=off,memory-backend=memory'],
    ...['-accel', machine.accelerator],
    ...['-cpu', machine.accelerator === 'kvm' ? 'host' : 'max'],
    ...['-smp', String(size.cpus)],
    ...['-m', `${size.memoryMiB}M`],
    ...memory(machine),
    ...disk(machine.start),
    ...['-netdev', `user,id=net,ipv6=off,restrict=${restrict},hostfwd=tcp:127.0.0.1:${port}-:22`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-device', 'virtio-rng-pci'],
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=identity,path=${identitySocket},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=identity,name=vm-task.identity'],
    ...['-chardev', 'socket,id=console,fd=0', '-serial', 'chardev:console'],
    ...['-chardev', 'socket,id=monitor,fd=1', '-mon', 'monitor,mode=control'],
    // A saved state that does not say "paused" goes on when it is loaded.
    ...['-global', 'migration.store-global-state=off'],
    ...startOptions(machine.start),
  ];
}

/** A clone's memory is the snapshot's file, mapped copy-on-write and never opened for writing. */
function memory({ size, start }: Machine): string[] {
  const sharing = start.kind === 'clone' ? 'share=off,readonly=on,rom=off' : 'share=on';
  return ['-object', `memory-backend-file,id=memory,size=${size.memoryMiB}M,mem-path=${files.memory},${sharing}`];
}

/** `snapshot=on`: writes go to a file that QEMU makes and unlinks at once, so that it cannot outlive the process. */
function disk(start: Start): string[] {
  const overlay = start.kind === 'clone' ? ',snapshot=on' : '';
  // Nothing of a clone is wanted after a crash of the host, and a snapshot is synced as a whole.
  const options = `file=${files.disk},format=qcow2,cache=unsafe,discard=unmap${overlay}`;
  return ['-drive', `if=none,id=disk,${options}`, '-device', 'virtio-blk-pci,drive=disk'];
}

function startOptions(start: Start): string[] {
  if (start.kind === 'clone') return ['-incoming', 'defer'];
  const { kernel } = start;
  return [
    ...start.credentials.flatMap((path) => ['-smbios', `type=11,path=${escapeOption(path)}`]),
    ...(kernel === null ? [] : ['-kernel', kernel.path, '-append', kernel.cmdline]),
    ...(kernel === null || kernel.initrd === null ? [] : ['-initrd', kernel.initrd]),
  ];
}
