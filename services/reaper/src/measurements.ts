/** What the reaper measures of itself. */
import { countGauge, secondsHistogram } from '@vm-task/service/metrics';

/** From what a timer is late by to what a reaper misses that was away for an hour. */
const lateSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60, 600, 3_600];

/** How late a deadline was acted on; `kind` is the deadline's, `vm` for that of a VM itself. */
export const recordOverrun = secondsHistogram(
  'vm_task.deadline.overrun',
  'From a deadline to the stored ending, or to the verified end of the VM',
  lateSeconds,
);

export const recordQuarantined = countGauge('vm_task.vms.quarantined', 'VMs of which something could not be removed');
