/**
 * The embedded nats-server: its configuration, made anew at each start, and its passwords, made at the first. JSON is
 * a subset of the server's configuration language, so nothing needs quoting by hand.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accountsFor, hostApiPrefix, isHostUser, type Scope } from '@vm-task/bus/accounts';
import { type BrokerUser, brokerUsers, credentialFile } from '@vm-task/bus/credentials';
import { maxPayloadBytes } from '@vm-task/bus/streams';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Home } from '@vm-task/shared/home';

/** More than all streams may have together: the disk is watched by intake, not by the broker. */
const maxFileBytes = 1024 ** 4;
const maxMemoryBytes = 256 * 1024 ** 2;

export interface BrokerFiles {
  readonly config: string;
  readonly url: string;
}

/** Writes the configuration and every user's credentials for a server on this port of the loopback. */
export function writeBrokerFiles(home: Home, scope: Scope, port: number): BrokerFiles {
  mkdirSync(home.nats, { recursive: true, mode: 0o700 });
  mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
  const url = `nats://127.0.0.1:${port}`;
  const users = brokerUsers.map((user) => ({ user, password: passwordOf(home, user) }));
  for (const { user, password } of users) {
    const prefix = isHostUser(user) ? { apiPrefix: hostApiPrefix } : {};
    writePrivateFile(credentialFile(home, user), JSON.stringify({ servers: [url], user, pass: password, ...prefix }));
  }
  const config = join(home.nats, 'nats.conf');
  writePrivateFile(config, `${JSON.stringify(brokerConfig(home, port, accountsFor(users, scope)), null, 2)}\n`);
  return { config, url };
}

function brokerConfig(home: Home, port: number, accounts: object): object {
  return {
    host: '127.0.0.1',
    port,
    max_payload: maxPayloadBytes,
    jetstream: {
      store_dir: join(home.nats, 'data'),
      max_memory_store: maxMemoryBytes,
      max_file_store: maxFileBytes,
      // An acknowledged message survives a power cut.
      sync_interval: 'always',
    },
    accounts,
    system_account: 'SYS',
  };
}

/** The user's password: the one it has had since the first start. */
function passwordOf(home: Home, user: BrokerUser): string {
  try {
    const { pass } = JSON.parse(readFileSync(credentialFile(home, user), 'utf8')) as { pass: string };
    return pass;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return randomBytes(32).toString('base64url');
  }
}
