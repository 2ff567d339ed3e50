/** Secrets: set, listed without their values, removed. */
import { type Define, systemOf } from './define.ts';

const secrets = () => import('../commands/secrets.ts');

export function secretCommands(define: Define): void {
  define(
    'set <name>',
    'set a secret; its value is asked for, or read from standard input',
    async (context, [name = ''], options) => (await secrets()).setSecret(await systemOf(context), name, options),
  )
    .option('--team <team>', 'for tasks of this team alone')
    .option('--shared', "one of the home's that tasks of teams get, too, where they have none of that name");
  define('list', 'secrets, and the hosts that lack them; never their values', async (context, _args, options) =>
    (await secrets()).listSecrets(await systemOf(context), options),
  ).option('--team <team>', 'only those of this team');
  define('rm <name>', 'remove a secret', async (context, [name = ''], options) =>
    (await secrets()).removeSecret(await systemOf(context), name, options),
  ).option('--team <team>', 'one of this team');
}
