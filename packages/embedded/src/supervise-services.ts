/** The services of one `up` as its children: each replaced when it ends, and when it does not work any more. */
import { join } from 'node:path';
import type { SystemConfig } from '@vm-task/service/config';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { type Role, type ServiceName, servicesOfRole } from '@vm-task/shared/roles';
import type { Board } from './board.ts';
import { superviseChild } from './child.ts';
import { reportBlocked } from './report-blocked.ts';
import { serviceProgram } from './repository.ts';
import { runningConfigFile, writeRunningConfig } from './running-config.ts';
import { serviceArguments } from './service-command.ts';

/** A service ends by itself after 24 s at the latest. */
const serviceGraceMs = 25_000;

export interface Services {
  readonly home: Home;
  readonly config: SystemConfig;
  readonly role: Role;
  readonly board: Board;
  readonly stop: AbortSignal;
  /** Called with a sentence for whoever watches `up`. */
  readonly tell: (sentence: string) => void;
}

/** Resolves when all of them are gone after `stop`. */
export async function superviseServices(services: Services): Promise<void> {
  const { home, config, role } = services;
  writeRunningConfig(home, role, config);
  await Promise.all(servicesOfRole[role].map((name) => supervise(services, name)));
}

async function supervise({ home, role, board, stop, tell }: Services, name: ServiceName): Promise<void> {
  const definition = {
    name,
    command: process.execPath,
    args: serviceArguments(serviceProgram(name), home, role, runningConfigFile(home, role)),
    logFile: join(home.logs, `${name}.log`),
    ready: 'line' as const,
    watchdog: true,
  };
  const onBlocked = (why: string) => {
    tell(`${name} is killed and started again: ${why}`);
    const pid = board.state.services.find((service) => service.name === name)?.pid ?? 0;
    reportBlocked(home, role, { name, pid, why }, stop).catch((error) => {
      if (!stop.aborted) tell(`nobody was alerted to it: ${errorInfo(error).message}`);
    });
  };
  await superviseChild(definition, {
    stop,
    graceMs: serviceGraceMs,
    report: (child) => board.updateService({ name, ...child }),
    onBlocked,
  });
}
