/** Processor time that a process has used. */
import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux has kept at 100 for programs on every machine. */
const ticksPerSecond = 100;

/** User and system together, in seconds since its start. */
export function cpuSecondsOf(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** The same of its children that have ended and were waited for. */
export function cpuSecondsOfEndedChildren(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
