import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@vm-task/client/client';
import type { EventView, TaskView } from '@vm-task/client/views';
import type { Progress } from '../screen/progress.ts';

/** Between two looks; nothing waits for it but a person. */
const lookMs = 200;

/** Returns once the log says that the task's last VM is gone; at once for a task that never had one. */
export async function untilVmGone(client: Client, { id, vm }: TaskView, progress: Progress): Promise<void> {
  const isGone = ({ type, data }: EventView) => type === 'vm.gone' && data['vm'] === vm;
  while (vm !== null && !(await client.tasks.events(id)).events.some(isGone)) {
    progress.update(`removing ${vm}`);
    await delay(lookMs);
  }
}
