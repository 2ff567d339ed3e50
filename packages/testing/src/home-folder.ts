import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { readEnvironment } from '@vm-task/shared/environment';

/** An empty folder for a home with real VMs: beside what it links of the cache, because both have to be on one filesystem. */
export async function makeHomeFolder(about: string): Promise<string> {
  const parent = process.env['VM_TASK_TEST_HOMES'] ?? join(readEnvironment().cache.root, 'tests');
  await mkdir(parent, { recursive: true });
  return await mkdtemp(join(parent, `${about}-`));
}
