import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { instrument } from './instrument.ts';

test('every time that is shortened is in the code, and so are the effects that are counted', async () => {
  await using folder = await makeTempFolder('instrumented');
  const { places } = instrument(join(folder.path, 'code'));
  expect(places.map(({ name }) => name)).toContain('hypervisor/ledger/slots:freeSlot.unlink');
});
