/** What only the owner of a broker's keys may do while it runs: give it accounts that were signed anew, see who uses which key. */
import { errors } from '@nats-io/transport-node';
import { type BrokerAddress, type Connection, openConnection, requestTimeoutMs } from './connection.ts';
import {
  type AccountTokens,
  accountIdOf,
  type OperatorKeys,
  signerIdsOf,
  signOwner,
  systemAccount,
} from './operator.ts';

/** @throws as `openConnection`. */
export async function openAsOwner(
  { servers, tls }: Pick<BrokerAddress, 'servers' | 'tls'>,
  keys: OperatorKeys,
): Promise<Connection> {
  const login = await signOwner(keys, systemAccount);
  return openConnection({ servers, tls, user: 'owner', login: () => login }, 'vm-task');
}

/**
 * From now on these hold: who is connected by a key or with a right that is in none of them is disconnected.
 *
 * @throws when the broker refuses one; those before it hold then.
 */
export async function replaceAccounts({ nc }: Connection, tokens: AccountTokens): Promise<void> {
  for (const token of Object.values(tokens.accounts)) {
    const answer = await nc.request('$SYS.REQ.CLAIMS.UPDATE', token, { timeout: requestTimeoutMs }).catch((error) => {
      if (!(error instanceof errors.RequestError && error.isNoResponders())) throw error;
      throw new Error('the broker takes no accounts while it runs: its resolver has to be of the type full', {
        cause: error,
      });
    });
    const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
    if (error !== undefined) throw new Error(`the broker does not take an account: ${error.description}`);
  }
}

/** Names of the connections whose users another key than these has signed. */
export async function connectedByOthers({ nc }: Connection, keys: OperatorKeys): Promise<string[]> {
  const signers = signerIdsOf(keys);
  const accounts = Object.keys(keys.accounts).filter((name) => name !== systemAccount);
  const asked = accounts.map(async (name) => {
    const subject = `$SYS.REQ.ACCOUNT.${accountIdOf(keys, name)}.CONNZ`;
    const answer = await nc.request(subject, JSON.stringify({ auth: true, limit: 1_024 }), {
      timeout: requestTimeoutMs,
    });
    return answer.json<{ readonly data: { readonly connections: readonly Connected[] } }>().data.connections;
  });
  return (await Promise.all(asked))
    .flat()
    .filter(({ issuer_key: signer }) => signer === undefined || !signers.has(signer))
    .map(({ name = 'without a name' }) => name);
}

interface Connected {
  readonly name?: string;
  readonly issuer_key?: string;
}
