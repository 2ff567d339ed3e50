/** Dead letters: looked at, handled again, thrown away. */
import { queryFrom } from '../read-options.ts';
import { type Define, systemOf } from './define.ts';

const deadLetters = () => import('../commands/dead-letters.ts');

export function deadLetterCommands(define: Define): void {
  define('list', 'what no handler could take, the oldest first', async (context, _args, options) =>
    (await deadLetters()).listDeadLetters(await systemOf(context), queryFrom(options)),
  )
    .option('--after <seq>', 'the page behind this one')
    .option('--limit <n>', 'letters on a page');
  define('show <seq>', 'one of them, with its message and the reason', async (context, [seq = '']) =>
    (await deadLetters()).showDeadLetter(await systemOf(context), seq),
  );
  define('replay <seq>', 'have it handled again, as it was stored', async (context, [seq = '']) =>
    (await deadLetters()).replayDeadLetter(await systemOf(context), seq),
  );
  define('drop <seq>', 'throw it away', async (context, [seq = '']) =>
    (await deadLetters()).dropDeadLetter(await systemOf(context), seq),
  );
}
