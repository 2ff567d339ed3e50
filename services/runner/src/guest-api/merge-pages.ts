/** One page of several lists, each of which was looked through as far as it says. */
import type { Kept, MessagePage } from '@vm-task/bus/inbox';

/** In the order of all of them. Whoever goes on behind `next` misses nothing. */
export function mergePages(
  lists: readonly MessagePage[],
  { after, limit }: { readonly after: number; readonly limit: number },
): { readonly page: readonly Kept[]; readonly next: number } {
  const lookedTo = Math.min(...lists.map(({ next }) => next ?? Number.POSITIVE_INFINITY));
  const found = lists.flatMap(({ messages }) => messages).sort((a, b) => a.seq - b.seq);
  const page = found.filter(({ seq }) => seq <= lookedTo).slice(0, limit);
  const isWhole = page.length < limit && lookedTo !== Number.POSITIVE_INFINITY;
  return { page, next: isWhole ? lookedTo : (page.at(-1)?.seq ?? after) };
}
