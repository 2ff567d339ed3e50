/** Acts on each item once, on so many at once. After one has failed no other is begun. @throws what the first one threw. */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  let isFailed = false;
  const work = async () => {
    for (const item of left) {
      if (isFailed) return;
      await act(item).catch((error) => {
        isFailed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
}
