/** The certificates of a home are renewed before they end, while it is up, and no connection ends by that. */
import { setTimeout as delay } from 'node:timers/promises';
import { certifiedNames, type SystemConfig } from '@vm-task/service/config';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { renewBrokerCertificate, renewHttpCertificate } from './home-certificates.ts';
import { reloadBroker } from './processes.ts';

/** Weeks are left for it, but for a host that slept. */
const lookEveryMs = 600_000;

/** Until `stop`; what keeps it from renewing one is told each time. */
export async function keepCertificates(
  home: Home,
  config: SystemConfig,
  stop: AbortSignal,
  tell: (sentence: string) => void,
): Promise<void> {
  while (!stop.aborted) {
    await delay(lookEveryMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return;
    await renewCertificates(home, config).catch((error) => {
      tell(`a certificate could not be renewed: ${errorInfo(error).message}`);
    });
  }
}

/** Once: that of the home's own broker, which runs, and that of HTTP, which intake reads by itself. */
export async function renewCertificates(home: Home, config: Pick<SystemConfig, 'http' | 'nats'>): Promise<void> {
  await certifyHttp(home, config);
  if (config.nats.servers === undefined && (await renewBrokerCertificate(home))) reloadBroker(home);
}

/** There is a certificate for HTTP, if the configuration wants one of the home's authority. */
export async function certifyHttp(home: Home, config: Pick<SystemConfig, 'http'>): Promise<void> {
  const names = certifiedNames(config);
  if (names !== null) await renewHttpCertificate(home, names);
}
