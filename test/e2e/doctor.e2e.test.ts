import { expect, it } from 'vitest';
import { lendSystem } from './system.ts';
import type { Audit } from './views.ts';

interface Doctor {
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly detail: string;
    readonly fix: string | null;
  }[];
}

it('on a fresh home every check passes, a task runs through the real system, and nothing is left of it', async () => {
  await using system = await lendSystem();
  const { checks } = await system.json<Doctor>(['doctor', '--prove']);
  expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['canary', 'audit', 'permissions', 'leaks']));
  expect(await system.json<Audit>(['audit'])).toMatchObject({ leaked: [], missing: [] });
  const table = await system.vmTask(['doctor']);
  expect(table).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/\n\d+ pass, 0 warn, 0 fail\n$/) });
});
