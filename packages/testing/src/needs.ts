/**
 * Tests that need more of the machine than an ordinary user has: `needs.root(test)('title', …)`, `needs.root(describe)(…)`.
 * Where it is not to be had they are skipped, and the run says how many and for want of what. Under CI they fail.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

export const isRoot = process.geteuid?.() === 0;

/** The freezer of control groups, version 1: where the kernel lets nobody kill a process. */
export const freezer = '/sys/fs/cgroup/freezer';

/** What a command line begins with to run in a mount namespace of its own, in which it may mount. */
export const mounting = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--mount'] as const;

export const needs = {
  root: need('root', () => isRoot),
  mountNamespaces: need('mount namespaces', canMount),
  freezer: need('the freezer of control groups', canFreeze),
};

type Body = () => void | Promise<void>;

/** `test`, `describe` and what is like them. */
interface Declare {
  (title: string, body: Body): void;
  skip(title: string, options: { meta: { need: string } }, body: Body): void;
}

declare module 'vitest' {
  interface TaskMeta {
    /** What a skipped test would need. */
    need?: string;
  }
}

function need(what: string, isThere: () => boolean): (declare: Declare) => (title: string, body: Body) => void {
  return (declare) => (title, body) => {
    if (isThere()) declare(title, body);
    else if (process.env['CI']) declare(title, () => lackOf(what));
    else declare.skip(title, { meta: { need: what } }, body);
  };
}

function lackOf(what: string): never {
  throw new Error(`this needs ${what}, which is not to be had here, and under CI has to be`);
}

function canMount(): boolean {
  const [program = '', ...args] = [...mounting, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'];
  return spawnSync(program, args).status === 0;
}

function canFreeze(): boolean {
  try {
    accessSync(freezer, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
