import { readFileSync } from 'node:fs';
import { isOwnVariable } from '@vm-task/shared/process-strings';
import { expect, test } from 'vitest';

test('each variable that the supervisor sets over those of the task is refused when the task is submitted', () => {
  const supervisor = readFileSync(new URL('supervisor/supervise.pl', import.meta.url), 'utf8');
  const set = Array.from(supervisor.matchAll(/\$ENV\{(\w+)\} = /g), ([, name = '']) => name);
  // What is put before the task's own path is no loss.
  const overridden = set.filter((name) => name !== 'PATH');
  expect(overridden).toContain('VM_TASK_RESULT');
  expect(overridden.filter((name) => !isOwnVariable(name))).toEqual([]);
});
