/**
 * The system on this machine, and its pools. What a command of these needs is loaded when it is given: the commands about
 * tasks need neither the hypervisor nor NATS, and start sooner without them.
 */
import { type Role, roles } from '@vm-task/shared/roles';
import { Option } from 'commander';
import { asRunning, configured, type Define, onMachine, systemOf } from './define.ts';

export function systemCommands(define: Define): void {
  define('up', 'run the whole system on this machine, in the foreground', async (context, _args, options) => {
    const given = { ...(await configured(context)), role: options['role'] as Role };
    if (options['detach'] === true) return (await import('../commands/system.ts')).upDetached(given);
    return (await import('../commands/up.ts')).up(given);
  })
    .option('-d, --detach', 'return when it is ready, and leave it running')
    .addOption(
      new Option(
        '--role <role>',
        'one side only: control (broker, intake, reaper) or host (provisioner, runner, reaper)',
      )
        .choices(roles)
        .default('all'),
    );
  define('down', 'stop the system; nothing of it is left running', async (context) =>
    (await import('../commands/system.ts')).down(await asRunning(context)),
  );
  define('status', 'what is running, and where', async (context) =>
    (await import('../commands/system.ts')).status(await asRunning(context)),
  );
  define('audit', 'compare host, ledger and log; exit code 1 if anything leaked', async (context) =>
    (await import('../commands/audit.ts')).audit(await asRunning(context)),
  );
  define(
    'doctor',
    'look for what is amiss, and say what sets it right; exit code 1 if a check fails',
    async (context, _args, options) =>
      (await import('../commands/doctor.ts')).doctor({ ...onMachine(context), prove: options['prove'] === true }),
  ).option('--prove', 'run a task through the real system, too, and audit what it left');
}

export function poolCommands(define: Define): void {
  define('list', 'pools, their limits and their tasks', async (context) =>
    (await import('../commands/tasks.ts')).pools(await systemOf(context)),
  );
}

export function hostCommands(define: Define): void {
  define('list', 'hosts, what they have and when they were last heard of', async (context) =>
    (await import('../commands/hosts.ts')).listHosts(await systemOf(context)),
  );
}

export function credentialCommands(define: Define): void {
  define('rotate', 'give every user of the broker a new credential; tasks go on meanwhile', async (context) =>
    (await import('../commands/credentials.ts')).rotate(await asRunning(context)),
  );
}

export function natsCommands(define: Define): void {
  define(
    'credentials <user>',
    'print the credentials of a user, for any NATS client: submit',
    async (context, [user]) => (await import('../commands/credentials.ts')).printCredentials(context, user ?? ''),
  );
  define(
    'export',
    'print what a nats-server of somebody else needs, as a part of its configuration',
    async (context, _args, options) =>
      (await import('../commands/credentials.ts')).printExport(await configured(context), String(options['accounts'])),
  ).option('--accounts <folder>', 'where that server keeps accounts', 'vm-task-accounts');
}
