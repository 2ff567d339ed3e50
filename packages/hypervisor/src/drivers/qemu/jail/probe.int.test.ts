import { afterEach, expect, test, vi } from 'vitest';
import { findWalls, proveEgress, weaknessOf } from './probe.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a host without the programs has weaker walls, and says which is missing and what that means', async () => {
  vi.stubEnv('PATH', '/nowhere');
  const walls = await findWalls(null);
  expect(walls).toEqual({ kind: 'lacking', why: 'unshare is not installed' });
  expect(weaknessOf(walls)).toContain("the host's network, mount and process namespaces");
  expect(weaknessOf({ kind: 'whole' })).toBeNull();
  for (const vmClass of [
    { egress: 'internet', allow: [] } as const,
    { egress: 'none', allow: ['packages.example:443'] } as const,
  ]) {
    await expect(proveEgress(vmClass, null)).rejects.toMatchObject({ code: 'egress-unavailable' });
  }
  await proveEgress({ egress: 'none', allow: [] }, null);
});
