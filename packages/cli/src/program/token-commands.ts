/** Who may ask this home for what, and who did. */
import { tokenRoles } from '@vm-task/shared/token-roles';
import { Option } from 'commander';
import type { AuditLogOptions } from '../commands/audit-log.ts';
import type { NewTokenOptions } from '../commands/tokens.ts';
import { type Define, systemOf } from './define.ts';

const tokens = () => import('../commands/tokens.ts');

export function tokenCommands(define: Define): void {
  define('create <name>', 'make a token; it is printed once, and kept nowhere', async (context, [name = ''], options) =>
    (await tokens()).createToken(await systemOf(context), name, options as unknown as NewTokenOptions),
  )
    .addOption(
      new Option('--role <role>', 'what it may do, each what those before it may: see docs/teams.md')
        .choices(tokenRoles)
        .makeOptionMandatory(),
    )
    .option('--team <team>', 'it submits for this team, and sees what is of this team alone')
    .option('--expires <duration>', 'from now on, as 90d (default: it holds until it is revoked)');
  define('list', 'tokens, those that are over included', async (context) =>
    (await tokens()).listTokens(await systemOf(context)),
  );
  define('revoke <name>', 'within seconds it opens nothing, and its live streams end', async (context, [name = '']) =>
    (await tokens()).revokeToken(await systemOf(context), name),
  );
}

export function auditLogCommand(define: Define): void {
  define('audit-log', 'who did what over HTTP, the oldest first', async (context, _args, options) => {
    const { followAuditLog, listAuditLog } = await import('../commands/audit-log.ts');
    const wanted = options as unknown as AuditLogOptions;
    return (options['follow'] === true ? followAuditLog : listAuditLog)(await systemOf(context), wanted);
  })
    .option('--since <duration>', 'how far back', '24h')
    .option('--who <name>', 'only what the token of this name did')
    .option('--about <id>', 'only what was about this id, the beginning of one, or name')
    .option('-f, --follow', 'go on with what comes')
    .option('--after <seq>', 'the page behind this one')
    .option('--limit <n>', 'records on a page (default: 200)');
}
