/** What a task is waiting for, in a few words: from its last event, and from what the provisioner says. */
import type { EventView } from '@vm-task/client/views';
import type { ProgressView } from '@vm-task/shared/progress';
import { progressText } from '../screen/progress-text.ts';
import type { System } from '../systems/system.ts';

/** `said` is what its process says of how far it is. */
export function phaseNote(
  { poolNote }: Pick<System, 'poolNote'>,
  last: EventView | null,
  said: ProgressView | null,
): string {
  if (said !== null && (last?.type === 'task.setup.done' || last?.type === 'task.resumed')) return progressText(said);
  switch (last?.type) {
    case undefined:
    case 'task.created':
      return poolNote(String(last?.data['pool'] ?? '')) ?? 'waiting for a VM';
    case 'vm.ready':
    case 'task.resumed':
      return `setting up in ${String(last?.data['vm'] ?? 'its VM')}`;
    case 'task.setup.done':
      return 'running';
    case 'task.retrying':
      return poolNote(String(last?.data['pool'] ?? '')) ?? 'waiting for another attempt';
    case 'task.cancelling':
      return 'cancelling';
    default:
      return 'removing the VM';
  }
}
