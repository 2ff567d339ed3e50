/**
 * The configuration that a running system has: `up` reads `vm-task.yaml` once, for all its services and for as long as
 * it runs, and keeps what it read in the home's `run`. An edit takes effect at the next `up`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, readConfigText, type SystemConfig } from '@vm-task/service/config';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Home } from '@vm-task/shared/home';
import type { Role } from '@vm-task/shared/roles';
import { readStates } from './state.ts';

export function runningConfigFile(home: Home, role: Role): string {
  return join(home.run, role === 'all' ? 'config.yaml' : `config-${role}.yaml`);
}

export function writeRunningConfig(home: Home, role: Role, { text }: Pick<SystemConfig, 'text'>): void {
  writePrivateFile(runningConfigFile(home, role), text);
}

/** What the system on this home runs with, or ran with when it was killed; else what it would start with. */
export function loadRunningConfig(home: Home): SystemConfig {
  // VMs are the hosts' side's.
  const files = (['all', 'host', 'control'] as const).map((role) => runningConfigFile(home, role));
  return loadConfig({ config: files.find((file) => existsSync(file)) ?? home.config });
}

/** True when `vm-task.yaml` has been altered since a system that is up read it. */
export function isConfigAltered(home: Home): boolean {
  const text = readConfigText(home);
  return readStates(home).some(({ role }) => readConfigText({ config: runningConfigFile(home, role) }) !== text);
}
