/** What the definitions of commands have in common. */

import type { SystemConfig } from '@vm-task/service/config';
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

/** With what `vm-task.yaml` says now. */
export async function configured(context: Context): Promise<Context & { readonly config: SystemConfig }> {
  const { loadConfig } = await import('@vm-task/service/config');
  return { ...context, config: loadConfig(context.environment.home) };
}

/** With what the system that is up was started with, whatever has become of `vm-task.yaml`. */
export async function asRunning(context: Context): Promise<Context & { readonly config: SystemConfig }> {
  const { loadRunningConfig } = await import('@vm-task/embedded/running-config');
  return { ...context, config: loadRunningConfig(context.environment.home) };
}
