import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { enterUnitProgram, jobProgram, leaseProgram, waitingProgram } from './supervisor.ts';

test.each([
  ['jobs', jobProgram],
  ['clones', waitingProgram],
  ['uses', leaseProgram],
  ['units', enterUnitProgram],
])('the program for %s compiles without a warning', (_what, program) => {
  expect(spawnSync('perl', ['-wc', '-'], { input: program, encoding: 'utf8' }).stderr).toBe('- syntax OK\n');
});

test('none of it loads a module besides strict, because that takes as long as a login', () => {
  for (const program of [jobProgram, waitingProgram, leaseProgram, enterUnitProgram]) {
    expect(program.toString().match(/^\s*(use|require) .*$/gm)).toEqual(['use strict;']);
  }
});
