/** How fast intake builds its projection anew, beside a reader that takes the same events and does nothing with them. */
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { follow } from '@vm-task/bus/follow';
import type { Client } from '@vm-task/client/client';
import { cpuSecondsOf } from '@vm-task/hypervisor/host/process-cpu';
import type { Home } from '@vm-task/shared/home';
import { everything } from '@vm-task/shared/subjects';
import { type Summary, summarize } from '../percentiles.ts';
import type { Ask } from './questions.ts';

export interface Rate {
  readonly perSecond: number;
  /** For each second of the process's own processor time: what a busy machine does not change. */
  readonly perCpuSecond: number;
}

const pollMs = 20;

export interface Rebuild extends Rate {
  /** Of `meanwhile`, in milliseconds. */
  readonly meanwhile: Summary | null;
}

/** Of an intake that has just become ready. Meanwhile something is asked of it, one after the other. */
export async function measureRebuild(client: Client, pid: number, meanwhile: Ask): Promise<Rebuild> {
  const [begun, cpu] = [performance.now(), cpuSecondsOf(pid)];
  const events = (await client.system.ready()).behind ?? 0;
  const times: number[] = [];
  while (((await client.system.ready()).behind ?? 0) > 0) {
    const asked = performance.now();
    await meanwhile();
    times.push(performance.now() - asked);
    await delay(pollMs);
  }
  const rate = rateOf(events, begun, cpuSecondsOf(pid) - cpu);
  return { ...rate, meanwhile: times.length === 0 ? null : summarize(times) };
}

export async function measureReader(home: Home, lastSeq: number): Promise<Rate> {
  await using connection = await openConnection(readBrokerAddress(home, 'intake'), 'bench');
  const stop = new AbortController();
  const [begun, cpu] = [performance.now(), cpuSecondsOf(process.pid)];
  let events = 0;
  const options = { stream: 'EVENTS', filter: everything, from: 1, signal: stop.signal };
  for await (const { message } of follow(connection, options)) {
    events += 1;
    if (message.seq >= lastSeq) break;
  }
  return rateOf(events, begun, cpuSecondsOf(process.pid) - cpu);
}

function rateOf(events: number, begun: number, cpuSeconds: number): Rate {
  return {
    perSecond: (events / (performance.now() - begun)) * 1_000,
    perCpuSecond: events / Math.max(cpuSeconds, 0.01),
  };
}
