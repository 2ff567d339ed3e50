/** The control side of a home, started as a user does, and how long which part of that took. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnSystem } from '@vm-task/chaos/own-system';
import { readStates, type SystemState } from '@vm-task/embedded/state';

export interface Start {
  /** From the command to the broker's first answer. */
  readonly brokerMs: number;
  /** From there until everything is ready. */
  readonly readyMs: number;
}

const pollMs = 5;

export async function startControl({ home, vmTask }: OwnSystem): Promise<Start> {
  const begun = performance.now();
  const upping = vmTask('up', '--detach', '--role', 'control');
  const until = async (is: (state: SystemState) => boolean) => {
    while (!readStates(home).some(is)) await Promise.race([delay(pollMs), failed(upping)]);
    return performance.now();
  };
  const answeredAt = await until(({ nats }) => (nats?.version ?? '') !== '');
  const readyAt = await until(({ phase }) => phase === 'ready');
  await upping;
  return { brokerMs: answeredAt - begun, readyMs: readyAt - answeredAt };
}

async function failed(upping: ReturnType<OwnSystem['vmTask']>): Promise<void> {
  const { exitCode, stderr } = await upping;
  if (exitCode !== 0) throw new Error(`up ended with ${exitCode}: ${stderr}`);
}
