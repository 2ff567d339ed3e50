/** What a task, or a pool, is waiting for, in a few words: from its last event, and from what the provisioner says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventView } from '@vm-task/client/views';
import type { Home } from '@vm-task/shared/home';
import type { ProgressView } from '@vm-task/shared/progress';
import { progressText } from '../screen/progress-text.ts';

/** `said` is what its process says of how far it is. */
export function phaseNote(home: Home, last: EventView | null, said: ProgressView | null): string {
  if (said !== null && (last?.type === 'task.setup.done' || last?.type === 'task.resumed')) return progressText(said);
  switch (last?.type) {
    case undefined:
    case 'task.created':
      return poolNote(home, String(last?.data['pool'] ?? '')) ?? 'waiting for a VM';
    case 'vm.ready':
    case 'task.resumed':
      return `setting up in ${String(last?.data['vm'] ?? 'its VM')}`;
    case 'task.setup.done':
      return 'running';
    case 'task.retrying':
      return poolNote(home, String(last?.data['pool'] ?? '')) ?? 'waiting for another attempt';
    case 'task.cancelling':
      return 'cancelling';
    default:
      return 'removing the VM';
  }
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
