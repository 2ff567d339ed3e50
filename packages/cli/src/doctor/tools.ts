/** The host's programs: which are needed is written in `setup/needs.sh`, as the set-up reads it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverProgram } from '@vm-task/bus/streams';
import { requireBrokerProgram } from '@vm-task/embedded/broker';
import type { ProgramRecord } from '@vm-task/embedded/program-record';
import { repositoryRoot } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { errorInfo } from '@vm-task/shared/errors';
import { type Check, type Finding, fail, pass, warn } from './check.ts';

export interface Need {
  readonly program: string;
  /** Debian's. */
  readonly packageName: string;
  /** `0`: any version will do. */
  readonly minimum: string;
}

export const tools: Check = {
  name: 'tools',
  limitMs: 30_000,
  async look() {
    const needs = await readNeeds(join(repositoryRoot, 'setup', 'needs.sh'));
    const [lacking, server] = await Promise.all([lackingOf(needs), lookAtServer(serverProgram)]);
    const problems = [...lacking.map(({ problem }) => problem), ...(server.problem === null ? [] : [server.problem])];
    if (problems.length === 0) {
      return (
        findOldServer(server.record, new Date()) ??
        pass(`${[...needs.map(({ program }) => program), serverProgram].join(', ')}`)
      );
    }
    const packages = lacking.map(({ need }) => need.packageName);
    const apt = `apt-get install --no-install-recommends ${[...new Set(packages)].join(' ')}`;
    return fail(
      problems.join('; '),
      packages.length > 0 ? apt : (server.fix ?? 'run it through ./vm-task, which installs nats-server'),
    );
  },
};

const run = promisify(execFile);
/** Printing a version takes milliseconds. */
const versionLimitMs = 20_000;

const dayMs = 24 * 3_600_000;
/** nats-server has a minor version every half a year, and mends the last two. */
const oldAfterDays = 180;

export async function readNeeds(file: string): Promise<readonly Need[]> {
  const { stdout } = await run('sh', ['-c', '. "$1"; printf %s "$host_programs"', 'sh', file]);
  const lines = stdout.trim().split('\n');
  return lines.map((line) => {
    const [program = '', packageName = '', minimum = '0'] = line.split(/\s+/);
    return { program, packageName, minimum };
  });
}

/** What is not there, or too old. `path` is where it is looked for; what Debian keeps in /usr/sbin is found anyway. */
export async function lackingOf(needs: readonly Need[], path = `${childEnvironment({})['PATH']}:/usr/sbin:/sbin`) {
  const found = await Promise.all(
    needs.map(async (need) => {
      const problem = problemOf(need, await versionOf(need.program, path));
      return problem === null ? [] : [{ need, problem }];
    }),
  );
  return found.flat();
}

function problemOf({ program, minimum }: Need, version: string | null): string | null {
  if (version === null) return `${program} is not installed`;
  if (minimum === '0' || isAtLeast(version, minimum)) return null;
  return `${program} is ${version || 'of an unknown version'}, and ${minimum} or newer is needed`;
}

/** The first number that it prints of itself; null when there is no such program. */
async function versionOf(program: string, path: string): Promise<string | null> {
  try {
    const { stdout } = await run(program, ['--version'], {
      env: childEnvironment({ PATH: path }),
      timeout: versionLimitMs,
    });
    return /\d[\d.]*/.exec(stdout)?.[0] ?? '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : '';
  }
}

function isAtLeast(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) >= 0;
}

async function lookAtServer(program: string) {
  return await requireBrokerProgram(program).then(
    (record) => ({ problem: null, fix: null, record }),
    (error) => {
      const { code, message } = errorInfo(error);
      const fix = code === 'program-altered' ? 'find out who changed it, and have it taken anew' : null;
      return { problem: message, fix, record: null };
    },
  );
}

/** The set-up takes nats-server once, and nobody updates it: apt does not know it. */
export function findOldServer(record: ProgramRecord | null, now: Date): Finding | null {
  if (record === null) return null;
  const days = Math.floor((now.getTime() - record.takenAt.getTime()) / dayMs);
  if (days < oldAfterDays) return null;
  const what = `${record.program} was taken from Debian ${days} days ago, and may lack what has been mended since`;
  return warn(what, `rm ${record.program} ${record.program}.sha256 && ./vm-task down && ./vm-task up --detach`);
}
