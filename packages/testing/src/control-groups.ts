/** The host's control groups (version 2), as far as jobs of a loopback guest make their own in them. */
import { readFileSync, rmdirSync } from 'node:fs';

/** The folder of the job's group that a process is in, or null where it is in none. */
export function jobGroupOf(pid: number): string | null {
  const [, mount] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? [];
  const [, group] = /^0::(.*\/vm-task\/\d+)$/m.exec(contents(`/proc/${pid}/cgroup`)) ?? [];
  return mount === undefined || group === undefined ? null : `${mount}${group}`;
}

/** True once the group is gone. It cannot go while a process of it is still ending. */
export function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
