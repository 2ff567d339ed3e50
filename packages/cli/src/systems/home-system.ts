/** The system of a home: on this machine, started when it is needed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHomeClient } from '@vm-task/embedded/home-client';
import type { Home } from '@vm-task/shared/home';
import type { System } from './system.ts';

export function homeSystem(home: Home): System {
  return {
    client: createHomeClient(home),
    async up(onWait) {
      const { ensureUp } = await import('@vm-task/embedded/detach');
      await ensureUp(home, onWait);
    },
    poolNote: (pool) => poolNote(home, pool),
  };
}

/** Such as `building image python: installing packages, 40 %`, or why a named VM is away; null when nothing holds its tasks up. */
export function poolNote(home: Home, pool: string): string | null {
  try {
    const text = readFileSync(join(home.run, `preparing-${pool}.json`), 'utf8');
    const { note, fraction } = JSON.parse(text) as { note: string; fraction?: number };
    return fraction === undefined ? note : `${note}, ${Math.round(fraction * 100)} %`;
  } catch {
    return null;
  }
}
