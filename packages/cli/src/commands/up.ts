/** `up`: the system of one home on this machine, or one side of it, in the foreground. */

import { runSystem } from '@vm-task/embedded/supervisor';
import { closeInheritedFiles } from '@vm-task/shared/process-start';
import type { Role } from '@vm-task/shared/roles';
import { whenOutputFails } from '../screen/output-failure.ts';
import { note } from '../screen/print.ts';
import { refusals } from './isolation.ts';
import { type SystemOptions, summaryOf } from './system.ts';

/** Runs the system in the foreground until Ctrl-C or SIGTERM. */
export async function up({ environment, config, role }: SystemOptions & { readonly role: Role }): Promise<void> {
  closeInheritedFiles();
  // The system goes on when nobody reads any more what it says of itself.
  using _unheard = whenOutputFails(() => undefined);
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) return;
    note('stopping: tasks in flight have a moment to finish');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  for (const refusal of await refusals({ environment, config })) note(refusal);
  let told = '';
  await runSystem({
    environment,
    config,
    role,
    stop: stop.signal,
    onChange(state) {
      const summary = summaryOf(environment.home, state);
      if (summary !== told) note(summary);
      told = summary;
    },
    tell: note,
  });
  note('stopped; nothing is left running');
}
