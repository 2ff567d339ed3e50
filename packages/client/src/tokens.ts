/** Tokens of people and programs. */
import { routes } from '@vm-task/api/api';
import type { TokenRole } from '@vm-task/shared/token-roles';
import type { Http } from './http.ts';

const { tokens } = routes;

export function tokenMethods({ ask }: Http) {
  return {
    /** The answer has the token's text, which nobody can be told again. */
    create: (token: NewToken) => ask(tokens.create, { body: token }),
    list: () => ask(tokens.list),
    revoke: (name: string) => ask(tokens.revoke, { params: { name } }),
    /** What the token that asks is. */
    self: () => ask(tokens.self),
  };
}

export interface NewToken {
  readonly name: string;
  readonly role: TokenRole;
  readonly team?: string | undefined;
  /** As `90d`, from now on. */
  readonly expires?: string | undefined;
}
