/** The host's control groups (version 2), as far as jobs of a loopback guest make their own in them. */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the job's group that a process is in, or of the whole lease that the job is part of; null where it is in none. */
export function jobGroupOf(pid: number): string | null {
  const [, mount] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? [];
  const [, group] = /^0::(.*\/vm-task\/(?:\d+|vm-[^/]+))(?:\/.*)?$/m.exec(contents(`/proc/${pid}/cgroup`)) ?? [];
  return mount === undefined || group === undefined ? null : `${mount}${group}`;
}

/** True once the group is gone, with those in it. It cannot go while a process of it is still ending. */
export function removeGroup(folder: string): boolean {
  try {
    const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of inside) rmdirSync(join(folder, name));
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
