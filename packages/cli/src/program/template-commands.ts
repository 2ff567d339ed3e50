/** Templates: installed, listed, run by name. */
import { collect, settingsFrom } from '../read-options.ts';
import { type Define, systemOf } from './define.ts';

const templates = () => import('../commands/templates.ts');

export function templateCommands(define: Define): void {
  define('install <files...>', 'install templates; one that was altered is a new version', async (context, files) =>
    (await templates()).installTemplates(await systemOf(context), files),
  );
  define('list', 'templates, the newest version of each', async (context) =>
    (await templates()).listTemplates(await systemOf(context)),
  );
  define('show <name>', 'one of them, as name or name@version', async (context, [name = '']) =>
    (await templates()).showTemplate(await systemOf(context), name),
  );
  define('run <name>', 'run one of them and follow it to its end', async (context, [name = ''], options) =>
    (await templates()).runTemplate(await systemOf(context), name, settingsFrom(options)),
  )
    .option('--set <name=value>', 'a parameter; JSON where it is no string', collect)
    .option('--key <text>', 'idempotency key: the same key is the same run, for a day');
}
