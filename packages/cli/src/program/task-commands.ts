/** Tasks: run, submit, looked at, stopped. */
import { type Command, Option } from 'commander';
import { collect, queryFrom, taskFrom } from '../read-options.ts';
import { type Define, homeOf, systemOf } from './define.ts';

const tasks = () => import('../commands/tasks.ts');

export function taskCommands(define: Define): void {
  submissionCommands(define);
  lookingCommands(define);
  fileCommands(define);
  define('cancel <id>', 'stop a task', async (context, [id = '']) =>
    (await tasks()).cancel(await systemOf(context), id),
  );
  define('retry <id>', 'run a task once more, as a new task, and print its id', async (context, [id = '']) =>
    (await tasks()).retry(await systemOf(context), id),
  );
  define('ssh <id> [words...]', 'log in to the VM of a task that has one', async (context, [id = '', ...command]) =>
    (await import('../commands/ssh.ts')).ssh(homeOf(context), id, command),
  ).usage('[options] ID [-- COMMAND…]');
}

function submissionCommands(define: Define): void {
  takesTask(
    define(
      'run [words...]',
      'run a task file, or a command after "--", and follow it to its end',
      async (context, words, options) => {
        const task = await taskFrom(words, options);
        const { run } = await import('../commands/run.ts');
        return run({ ...(await systemOf(context)), submit: (client) => client.tasks.submit(task) });
      },
    ),
  );
  takesTask(
    define(
      'submit [words...]',
      'submit a task file, or a command after "--", and print its id',
      async (context, words, options) =>
        (await import('../commands/submit.ts')).submit(
          await systemOf(context),
          await taskFrom(words, options),
          options['key'] as string | undefined,
        ),
    ),
  ).option('--key <text>', 'idempotency key: the same key is the same task, for a day');
}

function lookingCommands(define: Define): void {
  define('show <id>', 'what became of a task', async (context, [id = '']) =>
    (await tasks()).show(await systemOf(context), id),
  );
  define('list', 'tasks, the newest first', async (context, _args, options) =>
    (await tasks()).list(await systemOf(context), queryFrom(options)),
  )
    .addOption(
      new Option(
        '--status <status>',
        'only tasks of this status: queued, starting, setup, running, retrying, cancelling, completed',
      ),
    )
    .option('--pool <name>', 'only tasks of this pool')
    .option('--after <cursor>', 'the page behind this one')
    .option('--limit <n>', 'tasks on a page');
  define('logs <id>', "a task's output", async (context, [id = ''], options) =>
    (await tasks()).logs(await systemOf(context), id, options['follow'] === true),
  ).option('-f, --follow', 'go on until the task is over');
  define('events <id>', "a task's events", async (context, [id = '']) =>
    (await tasks()).events(await systemOf(context), id),
  );
}

function fileCommands(define: Define): void {
  define('files <id>', 'files that a task left behind', async (context, [id = '']) =>
    (await import('../commands/files.ts')).files(await systemOf(context), id),
  );
  define('get <id> <path>', 'fetch a file that a task left behind', async (context, [id = '', path = ''], options) =>
    (await import('../commands/get.ts')).get(await systemOf(context), id, path, {
      to: String(options['to']),
      force: options['force'] === true,
    }),
  )
    .option('--to <folder>', 'where it goes, under its own name; - is standard output', '.')
    .option('--force', 'in the place of a file that is there');
}

function takesTask(command: Command): Command {
  return command
    .usage('[options] FILE | -- COMMAND ARGUMENT…')
    .option('--image <name>', 'image, as name or name@version')
    .option('--pool <name>', 'pool')
    .addOption(new Option('--egress <mode>', "the VM's way out").choices(['none', 'internet']))
    .option(
      '--allow <name:port>',
      'what the VM reaches by name, *.NAME:443 for all below it (again for more)',
      collect,
    );
}
