/** The header of a submission with a key, so that asking again cannot submit twice. */
export function keyed(key: string | undefined): { headers?: Readonly<Record<string, string>> } {
  return key === undefined ? {} : { headers: { 'idempotency-key': key } };
}
