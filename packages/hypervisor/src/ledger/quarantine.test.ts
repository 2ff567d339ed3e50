import { homeAt } from '@vm-task/shared/home';
import { warmVm } from '@vm-task/testing/sample-states';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { hostClock } from './deadline.ts';
import { openFolder, readState, writeEnded } from './ledger.ts';
import { isResting, pauseAfter, writeQuarantine } from './quarantine.ts';

const left = [{ kind: 'process' as const, what: '4711', why: 'still in state D' }];

test('the pauses grow from half a minute to six hours', () => {
  expect([1, 2, 3].map(pauseAfter)).toEqual([30_000, 60_000, 120_000]);
  expect(pauseAfter(100)).toBe(6 * 3_600_000);
});

test('each try that fails is counted, since the first; the next one waits longer, and is due at once after a reboot', async () => {
  await using folder = await makeTempFolder('quarantine');
  const home = homeAt(folder.path);
  const { record } = warmVm();
  await openFolder(home, record);
  await writeEnded(home, record.vm, 'over');
  const look = async () => {
    const state = await readState(home, record.vm);
    if (state?.phase !== 'ending' || state.quarantine === null) throw new Error('not in quarantine');
    return state.quarantine;
  };
  const beforeMs = hostClock().uptimeMs;
  await writeQuarantine(home, record.vm, left);
  const first = await look();
  expect(first).toMatchObject({ tries: 1, left });
  expect(first.nextTry.uptimeMs - beforeMs).toBeGreaterThanOrEqual(30_000);
  await writeQuarantine(home, record.vm, left);
  const second = await look();
  expect(second).toMatchObject({ tries: 2, since: first.since });
  expect(second.nextTry.uptimeMs - beforeMs).toBeGreaterThanOrEqual(60_000);
  expect(isResting(second)).toBe(true);
  expect(isResting({ ...second, nextTry: { ...second.nextTry, bootId: 'another' } })).toBe(false);
  expect(isResting(null)).toBe(false);
});
