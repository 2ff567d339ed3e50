import { writeFile } from 'node:fs/promises';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { readHostId } from './host-id.ts';

test('a home has one id, whatever a newer version writes beside it, and none that passes for control', async () => {
  await using folder = await makeTempFolder('host-id');
  const home = homeAt(folder.path);
  const id = readHostId(home);
  expect(readHostId(home)).toBe(id);
  await writeFile(home.host, JSON.stringify({ id, novel: { is: 'new' } }));
  expect(readHostId(home)).toBe(id);
  await writeFile(home.host, JSON.stringify({ id: 'any' }));
  expect(() => readHostId(home)).toThrow();
});
