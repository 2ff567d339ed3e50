/** A VM of a driver that this version does not know: nobody here can say what may be done in it. */
import type { Bus } from '@vm-task/bus/bus';
import { type Retry, retry } from '@vm-task/bus/outcome';
import type { EventData } from '@vm-task/shared/events';

/** A runner that knows the driver takes the attempt up after so long at the latest. */
const lookAgainMs = 5_000;

/** Gives the attempt back, untouched, and tells people of its VM once. */
export async function leaveToNewer(
  bus: Pick<Bus, 'announce' | 'host'>,
  { task, vm, host, driver }: EventData<'vm.ready'>,
  signal: AbortSignal,
): Promise<Retry> {
  const what = `${vm} has the driver ${JSON.stringify(driver)}, which this runner does not know`;
  const text = `task ${task} waits on ${host}: ${what}. A runner of the version that made the VM goes on with it`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'unknown-driver', id: vm, text };
  await bus.announce({ type: 'alert.raised', data, host: bus.host }, signal, { once: true });
  return retry(lookAgainMs, what);
}
