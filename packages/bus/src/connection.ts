/** One service's connection to the broker: authenticated, never giving up, and gated on the server's version. */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  type Authenticator,
  connect,
  errors,
  jwtAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import { compareVersions } from '@vm-task/shared/versions';
import { minimumServerVersion, untestedServerVersion } from './streams.ts';

/** What a client logs in with in operator mode: a token of its user, and the seed of that user's key. */
export interface Login {
  readonly jwt: string;
  readonly seed: string;
}

/** What a server without operator mode asks for. */
export interface Password {
  readonly user: string;
  readonly pass: string;
}

/** The server proves by its certificate who it is. Until it has, it is told nothing. */
export interface BrokerTls {
  /** The file (PEM) of the authority that the certificate has to lead to, read at every connect; without it those that Node knows. */
  readonly ca?: string | undefined;
}

export type BrokerAddress = {
  readonly servers: readonly string[];
  readonly user: string;
  /** Without it, whoever listens there is believed. */
  readonly tls?: BrokerTls | undefined;
  /** Under which the broker's own API is for this user, where that is not its usual name. */
  readonly apiPrefix?: string | undefined;
} & (Password | { readonly login: () => Login | Password });

export interface Connection extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/** A request without an answer for so long has an unknown outcome: several times what an fsync takes on a busy disk. */
export const requestTimeoutMs = 5_000;

/** How long a server may be silent before it counts as one that hangs. */
export interface Patience {
  /** A request without an answer has an unknown outcome then. */
  readonly requestMs: number;
  /** Two pings in a row that nobody answers end the connection. */
  readonly pingEveryMs: number;
}

const usualPatience: Patience = { requestMs: requestTimeoutMs, pingEveryMs: 5_000 };

const reconnectPauseMs = 250;

/**
 * The client's own pause before it dials again is over when the wall clock says so, which takes an hour more when that
 * is set back by one. So that pause is none, and a timer's takes its place: it runs on the monotonic clock.
 */
const reconnecting = {
  reconnectDelayHandler: () => Number.NEGATIVE_INFINITY,
  reconnectToServer: ([next]) =>
    next === undefined || next.lastConnect === 0
      ? null
      : { server: next, delay: reconnectPauseMs * (1 + Math.random()) },
} satisfies NodeConnectionOptions;

/** @throws `broker-unreachable`, `broker-too-old`. */
export async function openConnection(
  address: BrokerAddress,
  name: string,
  { requestMs, pingEveryMs }: Patience = usualPatience,
): Promise<Connection> {
  const nc = await connect({
    servers: [...address.servers],
    ...loginOf(address),
    ...tlsOf(address),
    name,
    // Every user may subscribe below its own inbox only, so nobody reads the answers of another.
    inboxPrefix: `_INBOX_${address.user}`,
    maxReconnectAttempts: -1,
    // Not even when it is refused twice: credentials can be altered and set right under a running service.
    ignoreAuthErrorAbort: true,
    ...reconnecting,
    // A server that refuses names the others of its cluster before, so that the dialling would never come to an end.
    ignoreClusterUpdates: true,
    // A server that hangs without closing is noticed after two unanswered pings.
    pingInterval: pingEveryMs,
    maxPingOut: 2,
    timeout: requestMs,
    // Else every request takes a stack trace, in case that it fails: a tenth of a service's work.
    noAsyncTraces: true,
  }).catch((error: Error) => {
    const where = address.servers.join(', ');
    throw new VmTaskError('broker-unreachable', `NATS at ${where} does not take ${name} in: ${error.message}`, {
      cause: error,
    });
  });
  try {
    requireServerVersion(nc.info?.version ?? '0.0.0');
    // checkAPI would ask for account information, which services may not see.
    const prefix = address.apiPrefix === undefined ? {} : { apiPrefix: address.apiPrefix };
    const options = { timeout: requestMs, checkAPI: false, ...prefix };
    const jsm = await jetstreamManager(nc, options);
    return { nc, js: jetstream(nc, options), jsm, [Symbol.asyncDispose]: () => nc.close() };
  } catch (error) {
    await nc.close();
    throw error;
  }
}

/** Whoever logs in is asked at every connect: another credential may have taken the place of the one before. */
function loginOf(address: BrokerAddress): NodeConnectionOptions {
  if ('pass' in address) return { user: address.user, pass: address.pass };
  const { login } = address;
  const authenticator: Authenticator = (nonce) => {
    const now = login();
    if ('pass' in now) return { user: now.user, pass: now.pass };
    return jwtAuthenticator(now.jwt, new TextEncoder().encode(now.seed))(nonce);
  };
  return { authenticator };
}

function tlsOf({ tls }: BrokerAddress): NodeConnectionOptions {
  if (tls === undefined) return {};
  return { tls: tls.ca === undefined ? {} : { caFile: tls.ca } };
}

/** True of what `openConnection` throws when a server answers that does not know who asks. */
export function isRefused({ cause }: Pick<Error, 'cause'>): boolean {
  return cause instanceof errors.AuthorizationError;
}

/** @throws `broker-too-old`. An older server takes the settings that our guarantees rest on and drops them silently. */
export function requireServerVersion(version: string): void {
  const [numbers = ''] = version.split('-');
  if (compareVersions(numbers, minimumServerVersion) >= 0) return;
  throw new VmTaskError(
    'broker-too-old',
    `nats-server is ${version}; vm-task needs ${minimumServerVersion} or newer. Run ./vm-task up to get one, or upgrade the server`,
  );
}

/** Whether the tests of this release ran with such a server: it is taken in any case, if it is new enough. */
export function isTestedServerVersion(version: string): boolean {
  const [numbers = ''] = version.split('-');
  return compareVersions(numbers, minimumServerVersion) >= 0 && compareVersions(numbers, untestedServerVersion) < 0;
}
