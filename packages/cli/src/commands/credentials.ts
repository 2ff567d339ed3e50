/** `credentials rotate` and `nats credentials`: who may speak to the broker of this home. */
import { readFileSync } from 'node:fs';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { submitCreds } from '@vm-task/embedded/broker-config';
import { exportConfig } from '@vm-task/embedded/external-broker';
import { rotateCredentials } from '@vm-task/embedded/rotate-credentials';
import { readStates } from '@vm-task/embedded/state';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { makeFolder } from '@vm-task/shared/make-folder';
import { note, print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';

interface Options {
  readonly environment: Environment;
  readonly config: SystemConfig;
  readonly json: boolean;
}

/** New keys for every user of the broker; tasks go on meanwhile. Interrupted by Ctrl-C, it leaves both valid. */
export async function rotate({ environment: { home }, config, json }: Options): Promise<number> {
  const scope = { host: readHostId(home), pools: Object.keys(config.pools) };
  const isUp = readStates(home).some(({ nats }) => nats !== null);
  const interrupted = new AbortController();
  const onInterrupt = () =>
    interrupted.abort(new VmTaskError('interrupted', 'both the old and the new are valid now; rotate again'));
  using progress = startProgress({ quiet: json });
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onInterrupt);
  const onWaiting = (names: readonly string[]) => progress.update(`waiting for ${names.join(', ')} to log in anew`);
  const ended = await rotateCredentials(home, {
    ...{ scope, isUp, isExternal: config.nats.servers !== undefined, signal: interrupted.signal, onWaiting },
  });
  process.off('SIGINT', onInterrupt);
  process.off('SIGTERM', onInterrupt);
  for (const name of ended) note(`${name} went on with what it had before, and was disconnected`);
  if (json) printJson({ rotated: true, disconnected: ended });
  else print('every user of the broker has a new credential, and none of before is let in');
  return 0;
}

/** Prints what a server of somebody else needs to be the broker of this home: a part of its configuration. */
export async function printExport(
  { environment: { home }, config }: Omit<Options, 'json'>,
  folder: string,
): Promise<void> {
  makeFolder(home.root, 0o711);
  const scope = { host: readHostId(home), pools: Object.keys(config.pools) };
  process.stdout.write(await exportConfig(home, scope, folder));
}

/** Prints the credentials of the one user that people have, as every NATS client takes them. */
export function printCredentials({ environment: { home } }: Pick<Options, 'environment'>, user: string): void {
  if (user !== 'submit')
    throw new VmTaskError('invalid-request', `${JSON.stringify(user)} is no user for people; submit is`);
  try {
    process.stdout.write(readFileSync(submitCreds(home), 'utf8'));
    const { servers, tls } = readBrokerAddress(home, user);
    if (tls?.ca !== undefined) note(`the certificate of ${servers.join(', ')} leads to ${tls.ca} (--tlsca)`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new VmTaskError('not-up', `${home.root} has no credentials yet; ./vm-task up makes them`, { cause: error });
  }
}
