/** Every command and its options. An id may be any unambiguous prefix of a task's id. */
import { type DiskFormat, diskFormats } from '@vm-task/hypervisor/images/inspect-disk';
import { type Environment, loadConfig, readEnvironment, type SystemConfig } from '@vm-task/shared/config';
import { priorities } from '@vm-task/shared/inbox';
import { Command, Option } from 'commander';
import { complete, decide } from './commands/answer.ts';
import { audit } from './commands/audit.ts';
import { dropDeadLetter, listDeadLetters, replayDeadLetter, showDeadLetter } from './commands/dead-letters.ts';
import { doctor } from './commands/doctor.ts';
import { buildImages, importImageFile, listImages, removeImageVersions } from './commands/image.ts';
import {
  archiveInboxMessage,
  followInbox,
  listInbox,
  readInboxMessage,
  type SendOptions,
  send,
} from './commands/inbox.ts';
import { cancelPipeline, listPipelines, showPipeline } from './commands/pipelines.ts';
import { run } from './commands/run.ts';
import { runPipeline } from './commands/run-pipeline.ts';
import { down, status, up, upDetached } from './commands/system.ts';
import { cancel, events, list, logs, pools, retry, show, submit } from './commands/tasks.ts';
import { installTemplates, isTemplateRef, listTemplates, runTemplate, showTemplate } from './commands/templates.ts';
import { readPipelineFile } from './pipeline-source.ts';
import { collect, queryFrom, settingsFrom, taskFrom } from './read-options.ts';

const exitCodeHelp = `
Exit codes: run ends as the task's process did (128 + n when signal n ended it);
124 timed out, 125 the task could not be run, 130 cancelled. Every other command:
0, 1 when it failed (audit: something leaked; doctor: a check fails), 2 when the command line is wrong.`;

interface Context {
  readonly environment: Environment;
  readonly json: boolean;
}

interface Program {
  /** Parses and runs; resolves with the exit code. Thrown: commander's own errors and ours. */
  execute(argv: readonly string[]): Promise<number>;
}

type Define = (
  spec: string,
  description: string,
  act: (context: Context, args: readonly string[], options: Record<string, unknown>) => Promise<number> | Promise<void>,
) => Command;

export function createProgram(): Program {
  let exitCode = 0;
  const root = new Command('vm-task')
    .description('Runs tasks in clean virtual machines, by itself, end to end.')
    .addHelpText('after', exitCodeHelp)
    .exitOverride();
  const defineIn =
    (parent: Command): Define =>
    (spec, description, act) =>
      parent
        .command(spec)
        .description(description)
        .option('--home <folder>', 'where all state is (default: $VM_TASK_HOME, else ~/.vm-task)')
        .option('--json', 'print JSON for programs')
        .exitOverride()
        .action(async (..._received: unknown[]) => {
          const self = _received.at(-1) as Command;
          const options = self.opts<Record<string, unknown>>();
          const environment = readEnvironment(options['home'] as string | undefined);
          exitCode = (await act({ environment, json: options['json'] === true }, self.args, options)) ?? 0;
        });
  taskCommands(defineIn(root));
  answerCommands(defineIn(root));
  systemCommands(defineIn(root));
  imageCommands(defineIn(root.command('image').description('images: build, import, list, remove').exitOverride()));
  deadLetterCommands(
    defineIn(root.command('deadletter').description('dead letters: list, show, replay, drop').exitOverride()),
  );
  sendCommand(defineIn(root));
  inboxCommands(defineIn(root.command('inbox').description('messages: list, read, archive').exitOverride()));
  pipelineCommands(
    defineIn(root.command('pipeline').description('pipelines: run, show, list, cancel, resume').exitOverride()),
  );
  templateCommands(
    defineIn(root.command('template').description('templates: install, list, show, run').exitOverride()),
  );
  poolCommands(defineIn(root.command('pool').description('pools: list').exitOverride()));
  return {
    async execute(argv) {
      await root.parseAsync([...argv]);
      return exitCode;
    },
  };
}

const homeOf = ({ environment, json }: Context) => ({ home: environment.home, json });
const configured = (context: Context): Context & { config: SystemConfig } => ({
  ...context,
  config: loadConfig(context.environment.home),
});

function taskCommands(define: Define): void {
  takesTask(
    define(
      'run [words...]',
      'run a task file, or a command after "--", and follow it to its end',
      (context, words, options) => {
        const task = taskFrom(words, options);
        return run({ ...homeOf(context), submit: (client) => client.submit(task) });
      },
    ),
  );
  takesTask(
    define(
      'submit [words...]',
      'submit a task file, or a command after "--", and print its id',
      (context, words, options) =>
        submit(homeOf(context), taskFrom(words, options), options['key'] as string | undefined),
    ),
  ).option('--key <text>', 'idempotency key: the same key is the same task, for a day');
  define('show <id>', 'what became of a task', (context, [id = '']) => show(homeOf(context), id));
  define('list', 'tasks, the newest first', (context, _args, options) => list(homeOf(context), queryFrom(options)))
    .addOption(new Option('--status <status>', 'only tasks of this status'))
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
}

function takesTask(command: Command): Command {
  return command
    .option('--image <name>', 'image, as name or name@version')
    .option('--pool <name>', 'pool')
    .addOption(new Option('--egress <mode>', "the VM's way out").choices(['none', 'internet']));
}

function systemCommands(define: Define): void {
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

function imageCommands(define: Define): void {
  define(
    'build [names...]',
    'build images from their recipes, where something they are made of has changed',
    (context, names) => buildImages(context, names),
  );
  define('import <name> <file>', 'take a disk file as an image', (context, [name = '', file = ''], options) =>
    importImageFile(context, { name, file, format: options['format'] as DiskFormat }),
  ).addOption(new Option('--format <format>', 'what the file is').choices(diskFormats).makeOptionMandatory());
  define('list', 'images of this home', (context) => listImages(context));
  define('rm <names...>', 'remove images (name or name@version) that nothing uses', (context, names) =>
    removeImageVersions(context, names),
  );
}

function deadLetterCommands(define: Define): void {
  define('list', 'what no handler could take, the oldest first', (context, _args, options) =>
    listDeadLetters(homeOf(context), queryFrom(options)),
  )
    .option('--after <seq>', 'the page behind this one')
    .option('--limit <n>', 'letters on a page');
  define('show <seq>', 'one of them, with its message and the reason', (context, [seq = '']) =>
    showDeadLetter(homeOf(context), seq),
  );
  define('replay <seq>', 'have it handled again, as it was stored', (context, [seq = '']) =>
    replayDeadLetter(homeOf(context), seq),
  );
  define('drop <seq>', 'throw it away', (context, [seq = '']) => dropDeadLetter(homeOf(context), seq));
}

function sendCommand(define: Define): void {
  define(
    'send [words...]',
    'send a message; without words, or with "-", the text comes from stdin',
    (context, words, options) => send(homeOf(context), words, options as unknown as SendOptions),
  )
    .requiredOption('--to <name>', 'a person, a named VM or a role')
    .addOption(new Option('--priority <priority>', 'how pressing it is').choices(priorities).default('normal'))
    .option('--from <text>', 'who sends it (default: your user name)');
}

function inboxCommands(define: Define): void {
  define('list', 'messages: now, pending, for reference', (context, _args, options) =>
    (options['follow'] === true ? followInbox : listInbox)(homeOf(context), queryFrom(options)),
  )
    .option('--to <name>', 'only messages to this recipient')
    .option('--archived', 'those, too, that were put away')
    .option('-f, --follow', 'go on with what comes')
    .option('--after <seq>', 'the page behind this one')
    .option('--limit <n>', 'messages on a page');
  define('read <id>', 'print a message, and mark it as read', (context, [id = '']) =>
    readInboxMessage(homeOf(context), id),
  );
  define('archive <id>', 'put a message away', (context, [id = '']) => archiveInboxMessage(homeOf(context), id));
}

function pipelineCommands(define: Define): void {
  define(
    'run <file>',
    'run a pipeline file, or a template, and follow it to its end',
    (context, [file = ''], options) => {
      if (isTemplateRef(file)) return runTemplate(homeOf(context), file, settingsFrom(options));
      const submission = readPipelineFile(file, options['set'] as string[]);
      const key = options['key'] as string | undefined;
      return runPipeline({ ...homeOf(context), submit: (client) => client.submitPipeline(submission, key) });
    },
  )
    .option('--set <name=value>', 'a parameter; JSON where it is no string', collect, [])
    .option('--key <text>', 'idempotency key: the same key is the same pipeline, for a day');
  define('show <id>', 'every stage: its state, VM, duration and result', (context, [id = '']) =>
    showPipeline(homeOf(context), id),
  );
  define('list', 'pipelines, the newest first', (context, _args, options) =>
    listPipelines(homeOf(context), queryFrom(options)),
  )
    .addOption(new Option('--status <status>', 'only pipelines of this status'))
    .option('--after <cursor>', 'the page behind this one')
    .option('--limit <n>', 'pipelines on a page');
  define('templates', 'templates that are pipelines', (context) => listTemplates(homeOf(context), 'pipeline'));
  define('cancel <id>', 'stop a pipeline and all of its tasks', (context, [id = '']) =>
    cancelPipeline(homeOf(context), id),
  );
  define('resume <id>', 'go on where a pipeline failed, as a new one that is followed', (context, [id = '']) =>
    runPipeline({ ...homeOf(context), submit: (client) => client.resumePipeline(id) }),
  );
}

function templateCommands(define: Define): void {
  define('install <files...>', 'install templates; one that was altered is a new version', (context, files) =>
    installTemplates(homeOf(context), files),
  );
  define('list', 'templates, the newest version of each', (context) => listTemplates(homeOf(context)));
  define('show <name>', 'one of them, as name or name@version', (context, [name = '']) =>
    showTemplate(homeOf(context), name),
  );
  define('run <name>', 'run one of them and follow it to its end', (context, [name = ''], options) =>
    runTemplate(homeOf(context), name, settingsFrom(options)),
  )
    .option('--set <name=value>', 'a parameter; JSON where it is no string', collect, [])
    .option('--key <text>', 'idempotency key: the same key is the same run, for a day');
}

function answerCommands(define: Define): void {
  define('complete <id>', 'give the result that a stage of kind external waits for', (context, [id = ''], options) =>
    complete(homeOf(context), id, String(options['result'])),
  ).requiredOption('--result <text>', 'JSON where it parses, else text');
  for (const verb of ['approve', 'reject'] as const) {
    define(`${verb} <id>`, `${verb} what a stage of kind approval asks for`, (context, [id = ''], options) =>
      decide(homeOf(context), id, verb, {
        comment: options['comment'] as string | undefined,
        by: options['by'] as string | undefined,
      }),
    )
      .option('--comment <text>', 'why')
      .option('--by <who>', 'who decides (default: the user of this machine)');
  }
}

function poolCommands(define: Define): void {
  define('list', 'pools, their limits and their tasks', (context) => pools(homeOf(context)));
}
