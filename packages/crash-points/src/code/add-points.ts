/** Code with a point before and after each of its effects. */
import type { EffectCall } from './find-effects.ts';

/** What the code calls then; `process/preload.ts` defines it. */
const pointFunction = 'vmTaskEffect';

/** `js.publish(a, b)` becomes `vmTaskEffect("…", js, "publish", a, b)`; `rename(a, b)` the same with null and the function. */
export function addPoints(code: string, calls: readonly (EffectCall & { readonly place: string })[]): string {
  const edits = calls.flatMap(({ place, start, receiverEnd, end, method }) => {
    const begin = { at: start, until: start, text: `${pointFunction}(${JSON.stringify(place)}, ` };
    const open = code.indexOf('(', end) + 1;
    const comma = /^\s*\)/.test(code.slice(open)) ? '' : ', ';
    if (receiverEnd !== null)
      return [begin, { at: receiverEnd, until: open, text: `, ${JSON.stringify(method)}${comma}` }];
    return [
      { ...begin, text: `${begin.text}null, ` },
      { at: end, until: open, text: comma },
    ];
  });
  return applyEdits(code, edits);
}

interface Edit {
  readonly at: number;
  readonly until: number;
  readonly text: string;
}

function applyEdits(code: string, edits: readonly Edit[]): string {
  let done = '';
  let position = 0;
  for (const { at, until, text } of edits.toSorted((a, b) => a.at - b.at || a.until - b.until)) {
    done += code.slice(position, at) + text;
    position = until;
  }
  return done + code.slice(position);
}
