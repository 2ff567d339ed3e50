/** Room for so many bytes, asked for piece by piece: true for what still fits, which then has its place. The first always fits. */
export function roomFor(maxBytes: number): (bytes: number) => boolean {
  let used = 0;
  return (bytes) => {
    if (used > 0 && used + bytes > maxBytes) return false;
    used += bytes;
    return true;
  };
}
