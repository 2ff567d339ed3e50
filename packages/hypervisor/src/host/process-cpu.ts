/** Processor time that a process has used. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which Linux has kept at 100 for programs on every machine. */
const ticksPerSecond = 100;

/** User and system together, in seconds since its start. */
export function cpuSecondsOf(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** The same, with all that descends from it and has not ended. */
export function cpuSecondsOfTree(pid: number): number {
  const children = childrenOf(pid).map(cpuSecondsOfTree);
  return [cpuSecondsOfIfThere(pid), ...children].reduce((sum, seconds) => sum + seconds);
}

/** The same of its children that have ended and were waited for. */
export function cpuSecondsOfEndedChildren(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Of all its threads, as proc_pid_task(5) has them; nothing for one that has ended. */
function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'));
    return lists.join(' ').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function cpuSecondsOfIfThere(pid: number): number {
  try {
    return cpuSecondsOf(pid);
  } catch {
    return 0;
  }
}

function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
