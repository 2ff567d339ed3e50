/** Where an expression ends inside a text. Each character is looked at once. */

export const open = '${{';
export const close = '}}';

const token = /\/\/[^\n]*|\$\{\{|"""|'''|["']|[{}]/g;

/**
 * Behind the first `}}` that is in no text and ends no maps of its own; where the form is so wrong that there is none,
 * behind the first one at all. Null when there is none of these either. `at` is where the expression opens.
 */
export function endOf(text: string, at = 0): number | null {
  const begin = at + open.length;
  const end = properEnd(text, begin) ?? text.indexOf(close, begin);
  return end === -1 ? null : end + close.length;
}

function properEnd(text: string, begin: number): number | null {
  let depth = 0;
  for (let at = begin; ; ) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null || found[0] === open) return null;
    const word = found[0];
    at = found.index + word.length;
    if (word === '{') depth++;
    else if (word === '}' && depth === 0 && text[at] === '}') return found.index;
    else if (word === '}') depth = Math.max(0, depth - 1);
    else if (/["']$/.test(word)) at = endOfString(text, at, word);
  }
}

/** Behind the quote that ends what it has opened; the end of the text where none does. */
function endOfString(text: string, begin: number, quote: string): number {
  for (let at = begin; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text.startsWith(quote, at)) return at + quote.length;
    else if (text[at] === '\n' && quote.length === 1) return text.length;
  }
  return text.length;
}
