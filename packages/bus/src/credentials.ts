/** Who may speak to the broker: one user per service, one for submitting, one that makes the streams. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { services } from '@vm-task/shared/roles';
import { z } from 'zod';
import type { BrokerAddress } from './connection.ts';

/** `system` makes streams; `submit` may publish commands; the others are the services. */
export const brokerUsers = ['system', 'submit', ...services] as const;
export type BrokerUser = (typeof brokerUsers)[number];

const common = {
  servers: z.array(z.string()).min(1),
  user: z.string(),
  apiPrefix: z.string().optional(),
  tls: z.object({ ca: z.string().optional() }).optional(),
};
/** A password is what releases before operator mode wrote, and what a server without it asks for. */
const fileSchema = z.union([
  z.object({ ...common, jwt: z.string(), seed: z.string() }),
  z.object({ ...common, pass: z.string() }),
]);

/** One file per user, 0600: a service can be given its own and no other. */
export function credentialFile(home: Home, user: BrokerUser): string {
  return join(home.credentials, `nats-${user}.json`);
}

/**
 * Where a user finds the broker and how it logs in. The file is read again at every connect, so a credential that took
 * the place of another is used from the next one on.
 *
 * @throws `invalid-config` when the home has none, with what makes them.
 */
export function readBrokerAddress(home: Home, user: BrokerUser): BrokerAddress {
  const { servers, user: name, apiPrefix, tls } = readCredentials(home, user);
  return { servers, user: name, apiPrefix, tls, login: () => readCredentials(home, user) };
}

function readCredentials(home: Home, user: BrokerUser): z.output<typeof fileSchema> {
  const file = credentialFile(home, user);
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const message = `${file} cannot be used (${(error as Error).message}); ./vm-task up makes it`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}
