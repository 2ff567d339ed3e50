/**
 * Words that this project has left behind for those of its field, with what is said instead; `docs/glossary.md` has the
 * words that stay. A pattern is a part of a regular expression, in lower case, and stands for a whole word; in an
 * identifier each part is a word, so `inHand` is found by `in hand`.
 */
export interface AbandonedWord {
  readonly pattern: string;
  readonly instead: string;
}

export const abandonedWords: readonly AbandonedWord[] = [
  { pattern: 'spines?', instead: 'event stream of a task' },
  { pattern: 'fence[ds]?|fencing', instead: 'expected sequence' },
  // A call of that name is a library's.
  { pattern: 'seal(?:s|ed)?(?!\\()|unseal(?:s|ed)?', instead: 'encode, decode' },
  { pattern: 'bury|burial|buries', instead: 'store a dead letter' },
  { pattern: 'undecided', instead: 'unknown outcome' },
  { pattern: '(?<!log )overtaken?s?', instead: 'conflict; superseded' },
  { pattern: 'hopeless', instead: 'non-retryable' },
  { pattern: 'worth repeating', instead: 'retryable' },
  { pattern: 'judge(?:s|d|ment|ments)?|misjudge[sd]?|verdicts?', instead: 'decide, check; outcome, decision' },
  { pattern: 'standings|standings? of|task standing', instead: 'status' },
  { pattern: 'wish(?:es)?', instead: 'VM request' },
  { pattern: 'find offer|offer of|pool offer', instead: 'resolve, resolved spec' },
  { pattern: 'tickets?', instead: 'permits' },
  { pattern: 'room limits|room ms|wait(?:s|ing)? for room', instead: 'capacity' },
  { pattern: 'in hand', instead: 'in flight' },
  { pattern: 'chores?', instead: 'background job, background queue' },
  { pattern: 'news', instead: 'changes' },
  { pattern: 't(?:old|ells?|elling) of', instead: 'reported, reports' },
  { pattern: 'doors?|no door', instead: 'API socket; entry' },
  { pattern: '(?:serve|asked from) inside|inside (?:app|deps)', instead: 'guest API' },
  { pattern: '(?:take|taken|release|hold|machine) uses?|uses? of named vms', instead: 'lease of a named VM' },
  { pattern: 'start holder|holder in', instead: 'watchdog' },
  { pattern: 'makings', instead: 'inputs of a cache key' },
  { pattern: 'doomed', instead: 'trash' },
  { pattern: 'thrown:', instead: '@throws' },
];
