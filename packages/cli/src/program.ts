/** Every command and its options: `program/` has them by subject. An id may be any unambiguous prefix of a task's id. */
import { version } from '@vm-task/service/version';
import { readEnvironment } from '@vm-task/shared/environment';
import { Command } from 'commander';
import { contextCommands, loginCommand } from './program/context-commands.ts';
import { deadLetterCommands } from './program/dead-letter-commands.ts';
import type { Define } from './program/define.ts';
import { imageCommands } from './program/image-commands.ts';
import { inboxCommands, sendCommand } from './program/inbox-commands.ts';
import { answerCommands, pipelineCommands } from './program/pipeline-commands.ts';
import { secretCommands } from './program/secret-commands.ts';
import {
  credentialCommands,
  hostCommands,
  natsCommands,
  poolCommands,
  systemCommands,
} from './program/system-commands.ts';
import { taskCommands } from './program/task-commands.ts';
import { teamCommands } from './program/team-commands.ts';
import { templateCommands } from './program/template-commands.ts';
import { auditLogCommand, tokenCommands } from './program/token-commands.ts';

const exitCodeHelp = `
Exit codes: run ends as the task's process did (128 + n when signal n ended it);
124 timed out, 125 the task could not be run, 130 cancelled. Every other command:
0, 1 when it failed (audit: something leaked; doctor: a check fails), 2 when the command line is wrong.`;

interface Program {
  /** Every command, as it is written. */
  readonly commands: readonly string[];
  /** Parses and runs; resolves with the exit code. @throws commander's own errors and ours. */
  execute(argv: readonly string[]): Promise<number>;
}

function takesId(spec: string): boolean {
  return /^\S+ <id>/.test(spec);
}

/** Those that have none below them. */
function leavesOf({ commands }: Command): readonly Command[] {
  return commands.flatMap((command) => (command.commands.length === 0 ? [command] : leavesOf(command)));
}

/** As it is written: `list`, `image list`. */
function nameOf(command: Command, root: Command): string {
  const { parent } = command;
  return parent === null || parent === root ? command.name() : `${parent.name()} ${command.name()}`;
}

/** An id may be written in upper case (RFC 9562, section 4). */
function lowerFirst(word: string, index: number): string {
  return index === 0 ? word.toLowerCase() : word;
}

export function createProgram(): Program {
  let exitCode = 0;
  const root = new Command('vm-task')
    .description('Runs tasks in clean virtual machines, by itself, end to end.')
    .addHelpText('after', exitCodeHelp)
    .version(version)
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
          const args = takesId(spec) ? self.args.map(lowerFirst) : self.args;
          const isHomeGiven = options['home'] !== undefined;
          const context = { environment, json: options['json'] === true, command: nameOf(self, root), isHomeGiven };
          exitCode = (await act(context, args, options)) ?? 0;
        });
  addCommands(root, defineIn);
  return {
    commands: leavesOf(root).map((command) => nameOf(command, root)),
    async execute(argv) {
      await root.parseAsync([...argv]);
      return exitCode;
    },
  };
}

function addCommands(root: Command, defineIn: (parent: Command) => Define): void {
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
    defineIn(
      root.command('pipeline').description('pipelines: run, show, list, templates, cancel, resume').exitOverride(),
    ),
  );
  loginCommand(defineIn(root));
  contextCommands(
    defineIn(root.command('context').description('systems on other machines: list, use, rm').exitOverride()),
  );
  templateCommands(
    defineIn(root.command('template').description('templates: install, list, show, run').exitOverride()),
  );
  tokenCommands(
    defineIn(root.command('token').description('tokens of people and programs: create, list, revoke').exitOverride()),
  );
  teamCommands(defineIn(root.command('team').description('teams: list, show').exitOverride()));
  auditLogCommand(defineIn(root));
  poolCommands(defineIn(root.command('pool').description('pools: list').exitOverride()));
  credentialCommands(
    defineIn(root.command('credentials').description('credentials of the broker: rotate').exitOverride()),
  );
  natsCommands(defineIn(root.command('nats').description('for NATS clients and servers').exitOverride()));
  secretCommands(defineIn(root.command('secret').description('secrets: set, list, rm').exitOverride()));
  hostCommands(defineIn(root.command('host').description('hosts: list').exitOverride()));
}
