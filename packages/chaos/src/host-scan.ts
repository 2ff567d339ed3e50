/** What is left on the host of one home, by a look of our own: nothing here asks the code that is being tried. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import { isVmId } from '@vm-task/shared/ids';
import { holdersOf, openFilesOf, processesOf, qemuProcessesOf } from './own-processes.ts';

export interface Leak {
  readonly kind: 'process' | 'folder' | 'slot' | 'port' | 'control group' | 'temporary file';
  readonly what: string;
}

/** While the system is up and idle: every machine has its folder, every folder its machine, and its two slots. */
export function scanIdle(home: Home, temporary: string): Leak[] {
  const folders = entriesOf(home.vms);
  const machines = qemuProcessesOf(home);
  const slots = slotsIn(home.slots);
  const owners = slots.map((path) => path.split('/').at(-1) ?? '');
  return [
    ...machines.filter(({ vm }) => !folders.includes(vm)).map(({ pid, vm }) => leak('process', `${pid} of ${vm}`)),
    ...folders.filter((name) => !machines.some(({ vm }) => vm === name)).map((name) => leak('folder', name)),
    ...folders
      .filter((name) => existsSync(join(home.vms, name, 'claim.json')))
      .map((name) => leak('folder', `${name} is claimed`)),
    ...slots
      .filter((_, n) => !folders.includes(owners[n] ?? ''))
      .map((path) => leak('slot', relative(home.root, path))),
    ...folders
      .filter((name) => owners.filter((vm) => vm === name).length !== 2)
      .map((name) => leak('slot', `${name} has not two`)),
    ...portLeaks(home),
    ...controlGroupLeaks(home),
    ...temporaryFiles(home, temporary),
  ];
}

/** After `down`: nothing runs, nothing is open, no machine has a folder, no slot is taken. */
export function scanDown(home: Home, temporary: string): Leak[] {
  const running = processesOf(home);
  const holding = holdersOf(home, [process.pid, ...running.map(({ pid }) => pid)]);
  return [
    ...running.map(({ pid, argv }) => leak('process', `${pid} ${argv.join(' ').slice(0, 120)}`)),
    ...holding.map((pid) => leak('process', `${pid} has files of the home open`)),
    ...entriesOf(home.vms).map((name) => leak('folder', name)),
    ...slotsIn(home.slots).map((path) => leak('slot', relative(home.root, path))),
    ...temporaryFiles(home, temporary),
  ];
}

const leak = (kind: Leak['kind'], what: string): Leak => ({ kind, what });

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Every file below `slots/`: a slot that is taken is a folder with a file named after its VM. */
function slotsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Drafts that were never put in their place, trash that was never emptied, and whatever went to `TMPDIR`. */
function temporaryFiles(home: Home, temporary: string): Leak[] {
  const drafts = [home.root, home.run, home.credentials, home.vms, home.slots, home.images].flatMap((folder) =>
    entriesOf(folder)
      .filter((name) => /^\.(new|gone|offer)-|\.\d+[-.][0-9a-f]+$|\.(tmp|new)$/.test(name))
      .map((name) => join(relative(home.root, folder), name)),
  );
  return [...drafts, ...entriesOf(temporary).map((name) => join('tmp', name))].map((path) =>
    leak('temporary file', path),
  );
}

/** The broker and intake listen on one port each, a machine on its own one. */
function portLeaks(home: Home): Leak[] {
  const listening = listeningSockets();
  return processesOf(home).flatMap(({ pid, argv }) => {
    const ports = openFilesOf(pid).flatMap((path) => listening.get(path) ?? []);
    const name = argv.find((argument) =>
      /nats\.conf$|services\/intake(\/src\/main\.ts|\.mjs)$|vm-[0-9a-f-]{36}$/.test(argument),
    );
    const allowed = name === undefined ? 0 : 1;
    return ports.length <= allowed ? [] : [leak('port', `process ${pid} listens on ${ports.join(', ')}`)];
  });
}

/** Socket, as a link in /proc/<pid>/fd names it → port. */
function listeningSockets(): Map<string, number> {
  const rows = ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/));
  const listening = rows.filter(([, , , state]) => state === '0A');
  return new Map(listening.map((row) => [`socket:[${row[9]}]`, Number.parseInt(row[1]?.split(':')[1] ?? '', 16)]));
}

/** On the host nobody makes any: all are in the one that this process is in. */
function controlGroupLeaks(home: Home): Leak[] {
  const own = controlGroupOf(process.pid);
  return processesOf(home)
    .filter(({ pid }) => ![own, ''].includes(controlGroupOf(pid)))
    .map(({ pid }) => leak('control group', `process ${pid} is in ${controlGroupOf(pid)}`));
}

function controlGroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** VMs of the home that have a folder and are nobody's. */
export function idleVms(home: Home): number {
  return entriesOf(home.vms).filter((name) => isVmId(name) && !existsSync(join(home.vms, name, 'claim.json'))).length;
}
