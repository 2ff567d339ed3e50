import { afterEach, expect, test, vi } from 'vitest';
import { findWalls, proveInternet, weaknessOf } from './probe.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a host without the programs has weaker walls, and says which is missing and what that means', async () => {
  vi.stubEnv('PATH', '/nowhere');
  const walls = await findWalls(null);
  expect(walls).toEqual({ kind: 'lacking', why: 'unshare is not installed' });
  expect(weaknessOf(walls)).toContain("the host's network, mount and process namespaces");
  expect(weaknessOf({ kind: 'whole' })).toBeNull();
  await expect(proveInternet(null)).rejects.toMatchObject({ code: 'egress-unavailable' });
});
