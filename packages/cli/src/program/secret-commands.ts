/** Secrets: set, listed without their values, removed. */
import { type Define, systemOf } from './define.ts';

const secrets = () => import('../commands/secrets.ts');

export function secretCommands(define: Define): void {
  define(
    'set <name>',
    'set a secret; its value is asked for, or read from standard input',
    async (context, [name = '']) => (await secrets()).setSecret(await systemOf(context), name),
  );
  define('list', 'secrets, and the hosts that lack them; never their values', async (context) =>
    (await secrets()).listSecrets(await systemOf(context)),
  );
  define('rm <name>', 'remove a secret', async (context, [name = '']) =>
    (await secrets()).removeSecret(await systemOf(context), name),
  );
}
