/** What the definitions of commands have in common. */

import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Command } from 'commander';
import { chooseRemote } from '../systems/choose-system.ts';
import type { System } from '../systems/system.ts';

export interface Context {
  /** Of this machine. */
  readonly environment: Environment;
  readonly json: boolean;
  /** As it is written, for sentences. */
  readonly command: string;
  /** `--home` was given. */
  readonly isHomeGiven: boolean;
}

/** Defines one command: how it is written, what it is for, what it does. */
export type Define = (
  spec: string,
  description: string,
  act: (context: Context, args: readonly string[], options: Record<string, unknown>) => Promise<number> | Promise<void>,
) => Command;

/** For a command that any system answers. What speaks HTTP is loaded here. @throws as `chooseRemote` */
export async function systemOf({
  environment,
  json,
  isHomeGiven,
}: Context): Promise<{ system: System; json: boolean }> {
  const remote = chooseRemote(isHomeGiven);
  if (remote === null) {
    const { homeSystem } = await import('../systems/home-system.ts');
    return { system: homeSystem(environment.home), json };
  }
  const { remoteSystem } = await import('../systems/remote-system.ts');
  return { system: remoteSystem(remote), json };
}

/** For a command that needs the machine that the system is on. @throws `not-here` where commands go to another one. */
export function onMachine(context: Context): Context {
  const remote = chooseRemote(context.isHomeGiven);
  if (remote === null) return context;
  const { command } = context;
  throw new VmTaskError(
    'not-here',
    `${command} is for the machine that a system is on, and commands go to ${remote.url} (${remote.says}); run it there, or add --home FOLDER for a system of this machine`,
  );
}

export const homeOf = (context: Context) => {
  const { environment, json } = onMachine(context);
  return { home: environment.home, json };
};

/** With what `vm-task.yaml` says now. */
export async function configured(context: Context): Promise<Context & { readonly config: SystemConfig }> {
  const { loadConfig } = await import('@vm-task/service/config');
  return { ...onMachine(context), config: loadConfig(context.environment.home) };
}

/** With what the system that is up was started with, whatever has become of `vm-task.yaml`. */
export async function asRunning(context: Context): Promise<Context & { readonly config: SystemConfig }> {
  const { loadRunningConfig } = await import('@vm-task/embedded/running-config');
  return { ...onMachine(context), config: loadRunningConfig(context.environment.home) };
}
