/** What the definitions of commands have in common. */

import { loadRunningConfig } from '@vm-task/embedded/running-config';
import { loadConfig, type SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import type { Command } from 'commander';

export interface Context {
  readonly environment: Environment;
  readonly json: boolean;
}

/** Defines one command: how it is written, what it is for, what it does. */
export type Define = (
  spec: string,
  description: string,
  act: (context: Context, args: readonly string[], options: Record<string, unknown>) => Promise<number> | Promise<void>,
) => Command;

export const homeOf = ({ environment, json }: Context) => ({ home: environment.home, json });

export const configured = (context: Context): Context & { config: SystemConfig } => ({
  ...context,
  config: loadConfig(context.environment.home),
});

/** With what the system that is up was started with, whatever has become of `vm-task.yaml`. */
export const asRunning = (context: Context): Context & { config: SystemConfig } => ({
  ...context,
  config: loadRunningConfig(context.environment.home),
});
