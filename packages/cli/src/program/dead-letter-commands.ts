/** Dead letters: looked at, handled again, thrown away. */
import { dropDeadLetter, listDeadLetters, replayDeadLetter, showDeadLetter } from '../commands/dead-letters.ts';
import { queryFrom } from '../read-options.ts';
import { type Define, homeOf } from './define.ts';

export function deadLetterCommands(define: Define): void {
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
