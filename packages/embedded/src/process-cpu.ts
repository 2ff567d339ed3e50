/** Processor time that a process has used. */
import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux has kept at 100 for programs on every machine. */
const ticksPerSecond = 100;

/** User and system together, in seconds since its start. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
