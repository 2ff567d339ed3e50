/** The system on this machine, and its pools. */
import { audit } from '../commands/audit.ts';
import { doctor } from '../commands/doctor.ts';
import { down, status, up, upDetached } from '../commands/system.ts';
import { pools } from '../commands/tasks.ts';
import { configured, type Define, homeOf } from './define.ts';

export function systemCommands(define: Define): void {
  define('up', 'run the whole system on this machine, in the foreground', (context, _args, options) =>
    options['detach'] === true ? upDetached(configured(context)) : up(configured(context)),
  ).option('-d, --detach', 'return when it is ready, and leave it running');
  define('down', 'stop the system; nothing of it is left running', (context) => down(configured(context)));
  define('status', 'what is running, and where', async (context) => status(configured(context)));
  define('audit', 'compare host, ledger and log; exit code 1 if anything leaked', (context) =>
    audit(configured(context)),
  );
  define(
    'doctor',
    'look for what is amiss, and say what sets it right; exit code 1 if a check fails',
    (context, _args, options) => doctor({ ...context, prove: options['prove'] === true }),
  ).option('--prove', 'run a task through the real system, too, and audit what it left');
}

export function poolCommands(define: Define): void {
  define('list', 'pools, their limits and their tasks', (context) => pools(homeOf(context)));
}
