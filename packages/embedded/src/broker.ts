/** The embedded nats-server as a child: where it listens, when it answers, and its streams. */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Scope } from '@vm-task/bus/accounts';
import { isUnanswered } from '@vm-task/bus/answers';
import { openConnection, requireServerVersion } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { makeInfrastructure } from '@vm-task/bus/provision';
import { VmTaskError } from '@vm-task/shared/errors';
import { durablesFor } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import { checkProgram, type ProgramRecord } from './program-record.ts';

const pollMs = 50;
/** Printing a version takes milliseconds; a program that does not is not the server. */
const versionLimitMs = 10_000;

/**
 * @returns when the set-up took the program; null where it is the machine's own.
 * @throws before anything is started: `program-altered`, `broker-too-old`, or `tool-missing` where there is no such program.
 */
export async function requireBrokerProgram(program: string): Promise<ProgramRecord | null> {
  const record = await checkProgram(program);
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: versionLimitMs }).catch(
    (error: Error) => {
      const how = 'run it through ./vm-task, which installs it, or put nats-server on the PATH';
      throw new VmTaskError('tool-missing', `${program} cannot be started (${error.message}); ${how}`, {
        cause: error,
      });
    },
  );
  requireServerVersion(stdout.replace(/^\D*/, '').trim());
  return record;
}

/** True when it may answer at the next try: it is not there yet, or its cluster has no leader. */
export function isStarting(error: unknown): boolean {
  return isUnanswered(error) || (error instanceof VmTaskError && error.code === 'broker-unreachable');
}

/** Opens once as the system user: waits until the server answers, checks its version, makes what the services need. */
export async function prepareBroker(
  home: Home,
  { host, pools }: Scope,
  signal: AbortSignal,
): Promise<{ version: string }> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await using connection = await openConnection(readBrokerAddress(home, 'system'), 'vm-task up');
      await makeInfrastructure(connection, { durables: durablesFor(pools, [host]), hosts: [host] });
      return { version: connection.nc.info?.version ?? 'unknown' };
    } catch (error) {
      if (!isStarting(error)) throw error;
      await delay(pollMs, undefined, { signal });
    }
  }
}
