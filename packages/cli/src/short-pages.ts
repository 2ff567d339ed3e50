/** Lists whose pages may be short, because what is passed over for one page is bounded. */

interface Page<T> {
  readonly found: readonly T[];
  readonly next: number | null;
}

/**
 * Pages until `limit` are found, or there are no more.
 *
 * @param given the first page, as options name it
 */
export async function readPages<T>(
  given: { readonly after?: string; readonly limit?: string },
  usualLimit: number,
  ask: (page: { readonly after?: string; readonly limit: string }) => Promise<Page<T>>,
): Promise<Page<T>> {
  const limit = given.limit ?? String(usualLimit);
  let { found, next } = await ask({ ...given, limit });
  while (next !== null && found.length < Number(limit)) {
    const page = await ask({ after: String(next), limit: String(Number(limit) - found.length) });
    found = [...found, ...page.found];
    next = page.next;
  }
  return { found, next };
}
