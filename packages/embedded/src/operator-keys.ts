/** The keys of a home's operator, made at its first start. Whoever can read them can speak as anybody to its broker. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '@vm-task/bus/accounts';
import { completeKeys, isOperatorToken, type OperatorKeys, signOperator } from '@vm-task/bus/operator';
import { writeDurablePrivateFile } from '@vm-task/service/private-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { z } from 'zod';

const fileSchema = z.object({
  operator: z.string(),
  accounts: z.record(z.string(), z.string()),
  signers: z.record(z.string(), z.array(z.string()).min(1)),
});

export function keysFile(home: Home): string {
  return join(home.credentials, 'operator.json');
}

/** Those of the home, with new ones for what it had none for. @throws `invalid-config` where the file cannot be used. */
export function makeKeys(home: Home, scope: Scope): OperatorKeys {
  const keys = completeKeys(readKeys(home), scope);
  writeKeys(home, keys);
  return keys;
}

export function writeKeys(home: Home, keys: OperatorKeys): void {
  writeDurablePrivateFile(keysFile(home), `${JSON.stringify(keys, null, 2)}\n`);
}

/** Signed once: a running server takes no other one, and would not read its configuration again. */
export async function readOperatorToken(home: Home, keys: OperatorKeys): Promise<string> {
  const file = join(home.credentials, 'operator.jwt');
  const found = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (isOperatorToken(found, keys)) return found;
  const token = await signOperator(keys);
  writeDurablePrivateFile(file, token);
  return token;
}

/** Null in a home that has not been up in operator mode. @throws `invalid-config` where the file cannot be used. */
export function readKeys(home: Home): OperatorKeys | null {
  const file = keysFile(home);
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    const message = `${file} cannot be used (${(error as Error).message}); restore it from a backup: it names the account that has the home's streams`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
}
