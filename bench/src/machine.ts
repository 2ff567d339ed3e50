/** Where a benchmark ran: without it no figure means anything. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { serverProgram } from '@vm-task/bus/streams';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryMiB: number;
  readonly kernel: string;
  /** Of the last minute: what else went on. */
  readonly load: number;
  readonly versions: { readonly node: string; readonly natsServer: string };
}

export function describeMachine(): Machine {
  const natsServer = execFileSync(serverProgram, ['--version'], { encoding: 'utf8' });
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    kernel: release(),
    load: loadavg()[0] ?? 0,
    versions: { node: process.versions.node, natsServer: natsServer.replace(/^.*?v?(?=\d)/s, '').trim() },
  };
}
