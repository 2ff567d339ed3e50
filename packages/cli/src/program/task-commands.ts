/** Tasks: run, submit, looked at, stopped. */
import { type Command, Option } from 'commander';
import { run } from '../commands/run.ts';
import { ssh } from '../commands/ssh.ts';
import { cancel, events, list, logs, retry, show, submit } from '../commands/tasks.ts';
import { queryFrom, taskFrom } from '../read-options.ts';
import { type Define, homeOf } from './define.ts';

export function taskCommands(define: Define): void {
  takesTask(
    define(
      'run [words...]',
      'run a task file, or a command after "--", and follow it to its end',
      async (context, words, options) => {
        const task = await taskFrom(words, options);
        return run({ ...homeOf(context), submit: (client) => client.tasks.submit(task) });
      },
    ),
  );
  takesTask(
    define(
      'submit [words...]',
      'submit a task file, or a command after "--", and print its id',
      async (context, words, options) =>
        submit(homeOf(context), await taskFrom(words, options), options['key'] as string | undefined),
    ),
  ).option('--key <text>', 'idempotency key: the same key is the same task, for a day');
  define('show <id>', 'what became of a task', (context, [id = '']) => show(homeOf(context), id));
  define('list', 'tasks, the newest first', (context, _args, options) => list(homeOf(context), queryFrom(options)))
    .addOption(
      new Option(
        '--status <status>',
        'only tasks of this status: queued, starting, setup, running, retrying, cancelling, completed',
      ),
    )
    .option('--pool <name>', 'only tasks of this pool')
    .option('--after <cursor>', 'the page behind this one')
    .option('--limit <n>', 'tasks on a page');
  define('logs <id>', "a task's output", (context, [id = ''], options) =>
    logs(homeOf(context), id, options['follow'] === true),
  ).option('-f, --follow', 'go on until the task is over');
  define('events <id>', "a task's events", (context, [id = '']) => events(homeOf(context), id));
  define('cancel <id>', 'stop a task', (context, [id = '']) => cancel(homeOf(context), id));
  define('retry <id>', 'run a task once more, as a new task, and print its id', (context, [id = '']) =>
    retry(homeOf(context), id),
  );
  define('ssh <id> [words...]', 'log in to the VM of a task that has one', (context, [id = '', ...command]) =>
    ssh(homeOf(context), id, command),
  ).usage('[options] ID [-- COMMAND…]');
}

function takesTask(command: Command): Command {
  return command
    .usage('[options] FILE | -- COMMAND ARGUMENT…')
    .option('--image <name>', 'image, as name or name@version')
    .option('--pool <name>', 'pool')
    .addOption(new Option('--egress <mode>', "the VM's way out").choices(['none', 'internet']));
}
