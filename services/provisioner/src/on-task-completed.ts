/** Handles task.completed. Emits: vm.gone. The VM that the event names is removed, if it is one of this host's. */
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Gone, releaseVm } from '@vm-task/hypervisor/release-vm';
import type { Bus, Handling } from '@vm-task/shared/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/shared/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import type { Room } from './room.ts';

export interface Releasing {
  readonly bus: Pick<Bus, 'announce'>;
  readonly hypervisor: Pick<Hypervisor, 'find' | 'end' | 'destroy'>;
  readonly host: string;
  readonly room: Pick<Room, 'changed'>;
}

export function onTaskCompleted({ bus, hypervisor, host, room }: Releasing) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.completed' || event.data.vm === null) return done();
    const { vm, outcome } = event.data;
    const tell = (gone: Gone) => bus.announce({ type: 'vm.gone', data: { v: 1, ...gone, host } }, signal);
    if (await releaseVm(hypervisor, vm, `its task ${outcome.replace('_', ' ')}`, tell)) {
      log.info({ vm }, 'the VM is gone');
      room.changed();
    }
    return done();
  };
}
