import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import type { CloneRecord } from '@vm-task/hypervisor/drivers/qemu/record';
import { startTicksOf } from '@vm-task/hypervisor/ledger/process-ref';
import { homeAt } from '@vm-task/shared/home';
import { newVmId } from '@vm-task/shared/new-ids';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { isVmAlive } from './vm-alive.ts';

test('a VM is alive as long as exactly the recorded process is there, and unknown without one', async () => {
  await using folder = await makeTempFolder('vm-alive');
  const home = homeAt(folder.path);
  const vm = newVmId(0);
  expect(await isVmAlive(home, vm)).toBeNull();
  await mkdir(home.vm(vm).root, { recursive: true });
  const record = (process: CloneRecord['process']) =>
    writeFile(home.vm(vm).record, JSON.stringify(recordOf(vm, process)));
  await record(null);
  expect(await isVmAlive(home, vm)).toBeNull();
  const child = spawn('sleep', ['300']);
  const pid = child.pid ?? 0;
  const startTicks = startTicksOf(pid) ?? 0;
  await record({ pid, startTicks: startTicks + 1 });
  expect(await isVmAlive(home, vm)).toBe(false);
  await record({ pid, startTicks });
  expect(await isVmAlive(home, vm)).toBe(true);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect(await isVmAlive(home, vm)).toBe(false);
});

function recordOf(vm: CloneRecord['vm'], process: CloneRecord['process']): CloneRecord {
  return {
    version: 1,
    driver: 'qemu',
    vm,
    pool: 'default',
    image: { name: 'python', version: '1' },
    snapshot: 'key',
    size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
    egress: 'none',
    allow: [],
    resources: ['process'],
    slots: { pool: 0, host: 0 },
    uid: null,
    port: 2222,
    createdAt: '2026-01-01T00:00:00.000Z',
    deadline: { at: '2026-01-01T01:00:00.000Z', bootId: 'boot', uptimeMs: 0 },
    creator: { pid: 2, startTicks: 1 },
    process,
  };
}
