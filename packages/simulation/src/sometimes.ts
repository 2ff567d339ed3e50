/** What must have happened in a run of many seeds, or the run has proved little: each is reported by its name. */
export const allSometimes = [
  // Faults.
  'crash before an effect',
  'crash after an effect',
  'a request was lost',
  'an answer was lost',
  'a request was slow',
  'a connection broke under a delivery',
  'the broker was away',
  'the broker forgot deliveries',
  'a service was killed',
  'a service was drained',
  'a service was paused',
  'a service ended by itself',
  'two runners at once',
  'two provisioners at once',
  'the wall clock jumped',
  'the host was rebooted',
  'a VM died',
  'a connection to a guest broke',
  'the hypervisor failed to prepare',
  'the hypervisor failed to start',
  'the hypervisor failed to identify',
  'the hypervisor failed to kill',
  'a stray appeared',
  // What the broker said.
  'another append was refused',
  'an ending was refused',
  'vm.ready was refused',
  'an append was a duplicate',
  'an undecided append had landed',
  'output of a stale writer was refused',
  'a message was delivered again',
  // What became of it.
  'a task succeeded',
  'a task failed by its exit code',
  'a task was cancelled while it ran',
  'a task was cancelled before a VM was ready',
  'an attempt was resumed',
  'an attempt was resumed twice',
  'an attempt was cancelled and resumed',
  'a job was found running or ended',
  'a claim was refused',
  'a stray was removed',
  'a warm VM was used',
  'a VM was made for a task',
  'ended: setup-failed',
  'ended: timed-out-queue',
  'ended: timed-out-setup',
  'ended: timed-out-run',
  'ended: timed-out-total',
  'ended: cancel-forced',
  'ended: vm-lost',
  'ended: vm-not-started',
] as const;

export type Sometimes = (typeof allSometimes)[number];

export function isSometimes(text: string): text is Sometimes {
  return (allSometimes as readonly string[]).includes(text);
}
