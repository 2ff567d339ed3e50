/** TTLs of 0, -1, NaN, 1e12 and none: refused where they are written, and defined where they are read. */
import { writeFileSync } from 'node:fs';
import { deadlineFrom, hostClock } from '@vm-task/hypervisor/ledger/deadline';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig } from '@vm-task/service/config';
import { lendLedgerVms } from '@vm-task/testing/ledger-vms';
import { warmVm } from '@vm-task/testing/sample-states';
import { expect, test } from 'vitest';
import { overdueFirst, untilNext } from '../src/ledger-deadlines.ts';

const config = parseConfig('', 'test');
const written = ['0', '-1', '.nan', '1e12', '"0s"', '"-1s"', '"1e12s"', '~'];

test.each(written)('a duration of %s is refused in the configuration', (text) => {
  for (const key of ['sweep', 'orphanGrace', 'retention']) {
    expect(() => parseConfig(`reaper: { ${key}: ${text} }`, 'test')).toThrow(
      text === '.nan' ? 'the number .nan' : `reaper.${key}`,
    );
  }
});

test.each([0, -1, Number.NaN, 1e12, null])(
  'a timeout of %j is refused in a task; without one there is a default',
  (ttl) => {
    for (const key of ['queue', 'setup', 'run', 'total']) {
      expect(() => planTask({ command: ['ls'], timeouts: { [key]: ttl } }, config)).toThrow(`timeouts.${key}`);
    }
    const { timeouts } = planTask({ command: ['ls'] }, config).spec;
    for (const ms of Object.values(timeouts)) expect(ms).toBeGreaterThan(0);
  },
);

test('in the ledger, 0 and -1 are over and 1e12 is far away, and neither makes a timer that overflows', () => {
  const clock = hostClock();
  const [zero, minus, far] = [0, -1, 1e12].map((ms) => warmVm({ deadline: deadlineFrom(ms, 0, clock) }));
  if (!zero || !minus || !far) throw new Error('unreachable');
  expect(overdueFirst([far, zero, minus], clock)).toEqual([minus, zero]);
  expect(untilNext([far, zero, minus], clock, 5_000)).toBe(5_000);
});

test('a deadline that is no number is never written, and never read', async () => {
  expect(() => deadlineFrom(Number.NaN, 0)).toThrow('Invalid time value');
  await using lent = await lendLedgerVms();
  const { vm } = await lent.make();
  const state = await lent.hypervisor.find(vm);
  const deadline = { ...state?.record.deadline, uptimeMs: Number.NaN };
  writeFileSync(lent.home.vm(vm).record, JSON.stringify({ ...state?.record, deadline }));
  expect(await lent.hypervisor.list()).toEqual([]);
  expect(await lent.hypervisor.unreadable()).toMatchObject([{ vm }]);
  writeFileSync(lent.home.vm(vm).record, JSON.stringify(state?.record));
});
