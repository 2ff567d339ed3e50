import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { thisProcess } from '@vm-task/hypervisor/ledger/process-ref';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { readState } from './state.ts';

test('a system that a newer version has started is up, with services that are not known here', async () => {
  await using folder = await makeTempFolder('state');
  const home = homeAt(folder.path);
  await mkdir(home.run);
  const service = { name: 'scheduler', pid: 1, state: 'paused', restarts: 0, lastExit: null, novel: true };
  const state = {
    supervisor: thisProcess(),
    role: 'all',
    phase: 'ready',
    nats: null,
    services: [service],
    novel: true,
  };
  await writeFile(join(home.run, 'system.json'), JSON.stringify(state));
  const { novel: _, ...known } = service;
  expect(readState(home)).toMatchObject({ phase: 'ready', services: [known] });
});
