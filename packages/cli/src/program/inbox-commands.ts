/** Messages: sent, listed, read, put away. */
import { priorities } from '@vm-task/shared/priorities';
import { Option } from 'commander';
import type { SendOptions } from '../commands/inbox.ts';
import { queryFrom } from '../read-options.ts';
import { type Define, systemOf } from './define.ts';

const inbox = () => import('../commands/inbox.ts');

export function sendCommand(define: Define): void {
  define(
    'send [words...]',
    'send a message; without words, or with "-", the text comes from stdin',
    async (context, words, options) =>
      (await inbox()).send(await systemOf(context), words, options as unknown as SendOptions),
  )
    .requiredOption('--to <name>', 'a person, a named VM or a role')
    .addOption(new Option('--priority <priority>', 'how pressing it is').choices(priorities).default('normal'))
    .option('--from <text>', 'who sends it (default: your user name)');
}

export function inboxCommands(define: Define): void {
  define('list', 'messages: now, pending, for reference', async (context, _args, options) => {
    const { followInbox, listInbox } = await inbox();
    return (options['follow'] === true ? followInbox : listInbox)(await systemOf(context), queryFrom(options));
  })
    .option('--to <name>', 'only messages to this recipient')
    .option('--archived', 'those, too, that were put away')
    .option('-f, --follow', 'go on with what comes')
    .option('--after <seq>', 'the page behind this one')
    .option('--limit <n>', 'messages on a page');
  define('read <id>', 'print a message, and mark it as read', async (context, [id = '']) =>
    (await inbox()).readInboxMessage(await systemOf(context), id),
  );
  define('archive <id>', 'put a message away', async (context, [id = '']) =>
    (await inbox()).archiveInboxMessage(await systemOf(context), id),
  );
}
