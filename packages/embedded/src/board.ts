/** The state of the system as it is told: to whoever reads its file in `run`, and to the caller of `runSystem`. */
import { processRef } from '@vm-task/hypervisor/ledger/process-ref';
import type { Home } from '@vm-task/shared/home';
import { type Role, services, servicesOfRole } from '@vm-task/shared/roles';
import { type ServiceState, type SystemState, writeState } from './state.ts';

export interface Board {
  readonly state: SystemState;
  update(change: Partial<SystemState>): void;
  updateService(service: ServiceState): void;
}

export function createBoard(home: Home, role: Role, onChange: (state: SystemState) => void): Board {
  const supervisor = processRef(process.pid);
  if (supervisor === null) throw new Error('this process is not in /proc');
  let state: SystemState = { supervisor, role, phase: 'starting', nats: null, services: [] };
  const update = (change: Partial<SystemState>) => {
    state = { ...state, ...change };
    if (state.phase !== 'stopping') {
      const all = servicesOfRole[role].length;
      const ready = state.services.length === all && state.services.every((s) => s.state === 'ready');
      state = { ...state, phase: ready ? 'ready' : 'starting' };
    }
    writeState(home, state);
    onChange(state);
  };
  return {
    get state() {
      return state;
    },
    update,
    updateService: (service) =>
      update({ services: [...state.services.filter(({ name }) => name !== service.name), service].sort(byName) }),
  };
}

function byName(a: ServiceState, b: ServiceState): number {
  return services.indexOf(a.name) - services.indexOf(b.name);
}
