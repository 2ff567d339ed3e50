/** The floor: QEMU alone, with the same machine, loading the same state from the same files, and nothing of ours. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Accelerator, commandLine, files } from '@vm-task/hypervisor/drivers/qemu/command-line';
import { Qmp } from '@vm-task/hypervisor/drivers/qemu/qmp';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import type { Snapshot } from '@vm-task/hypervisor/snapshots/snapshot';
import type { Cache } from '@vm-task/shared/home';
import { runOnce } from '../raw-ssh.ts';

export interface FloorTimes {
  /** From the process's start until the guest runs on. */
  readonly runningMs: number;
  /** From there until its first SSH command, with the snapshot's keys, has ended. */
  readonly commandMs: number;
}

export async function restoreBare(cache: Cache, snapshot: Snapshot, accelerator: Accelerator): Promise<FloorTimes> {
  const folder = await mkdtemp(join(cache.root, 'bench-'));
  try {
    for (const name of Object.values(files)) await link(join(snapshot.folder, name), join(folder, name));
    return await restoreIn(folder, snapshot, accelerator, await freePort());
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function restoreIn(
  folder: string,
  snapshot: Snapshot,
  accelerator: Accelerator,
  port: number,
): Promise<FloorTimes> {
  const { size, user, hostKey } = snapshot;
  const machine = commandLine({ mark: folder, size, accelerator, port, restricted: true, start: { kind: 'clone' } });
  const sandbox = machine.indexOf('-sandbox');
  const args = machine.toSpliced(sandbox, 2);
  const startedAt = performance.now();
  // Its console goes nowhere: a socket like the monitor's, that nobody reads.
  const child = spawn('qemu-system-x86_64', args, {
    cwd: folder,
    env: { TMPDIR: '.' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const qmp = new Qmp(child.stdout as unknown as Duplex);
  try {
    await Promise.all([
      qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] }),
      qmp.execute('migrate-incoming', { uri: `file:${files.state}` }),
      qmp.event('RESUME'),
    ]);
    const runningAt = performance.now();
    await runOnce({ host: '127.0.0.1', port, user, hostKey }, snapshot.loginKey, 'true');
    return { runningMs: runningAt - startedAt, commandMs: performance.now() - runningAt };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}
