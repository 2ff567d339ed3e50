/** For files that another process may have removed meanwhile: already absent is success. */

export function ignoreMissing(error: NodeJS.ErrnoException): void {
  nullIfMissing(error);
}

export function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

export function emptyIfMissing(error: NodeJS.ErrnoException): string[] {
  nullIfMissing(error);
  return [];
}
