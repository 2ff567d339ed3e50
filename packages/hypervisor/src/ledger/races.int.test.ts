/** Several processes on one ledger, as provisioners on one host are: what one file system call decides, no two of them win. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { homeAt } from '@vm-task/shared/home';
import { samplePipeline } from '@vm-task/testing/sample-events';
import { claimedVm, warmVm } from '@vm-task/testing/sample-states';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { openFolder, readStates, strayFolders, writeClaim, writeReady } from './ledger.ts';
import { takenSlots } from './slots.ts';

const processes = 4;

/** Runs `body`, the inside of an async function, in that many processes that begin together; what each returned. */
async function together(home: string, body: string): Promise<unknown[]> {
  const here = (name: string) => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  const script = `
    const ledger = await import(${here('./ledger.ts')});
    const slots = await import(${here('./slots.ts')});
    const { homeAt } = await import(${JSON.stringify(import.meta.resolve('@vm-task/shared/home'))});
    const { newVmId } = await import(${JSON.stringify(import.meta.resolve('@vm-task/shared/new-ids'))});
    const home = homeAt(process.argv[1]);
    process.stdout.write('ready\\n');
    await new Promise((begin) => process.stdin.once('data', begin));
    process.stdin.destroy();
    process.stdout.write(JSON.stringify(await (async () => { ${body} })()));
  `;
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', script, home], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  return await Promise.all(
    children.map(async (child) => {
      const printed: Buffer[] = [];
      child.stdout.on('data', (bytes: Buffer) => printed.push(bytes));
      child.stdin.write('go\n');
      const [code] = await once(child, 'close');
      expect(code).toBe(0);
      return JSON.parse(Buffer.concat(printed).toString());
    }),
  );
}

test('no slot is taken twice while processes take and free them all the time', async () => {
  await using folder = await makeTempFolder('races');
  const home = homeAt(folder.path);
  await mkdir(home.slots);
  const worst = await together(
    folder.path,
    `
    let worst = 0;
    for (let turn = 0; turn < 60; turn++) {
      const vm = newVmId(Date.now());
      const taken = await slots.takeSlots(home, vm, 'pool', { poolMax: 3, hostMax: 2 });
      const owners = await slots.takenSlots(home);
      worst = Math.max(worst, new Set(owners.filter(({ path }) => path.includes('/host/')).map(({ path }) => path)).size);
      if (taken.kind === 'taken' && owners.filter((slot) => slot.vm === vm).length !== 2) return 'lost a slot';
      await slots.freeSlots(home, vm);
    }
    return worst;
    `,
  );
  for (const most of worst) expect(most).toBeLessThanOrEqual(2);
  expect(await takenSlots(home)).toEqual([]);
});

test('of many processes that claim every VM, exactly one gets each', async () => {
  await using folder = await makeTempFolder('races');
  const home = homeAt(folder.path);
  const vms = Array.from({ length: 20 }, () => warmVm());
  for (const { record, ready } of vms) {
    await openFolder(home, record);
    await writeReady(home, record.vm, ready);
  }
  const { claim } = claimedVm();
  const won = await together(
    folder.path,
    `
    const won = [];
    for (const state of await ledger.readStates(home)) {
      if (await ledger.writeClaim(home, state.record.vm, ${JSON.stringify(claim)})) won.push(state.record.vm);
    }
    return won;
    `,
  );
  expect(won.flat().sort()).toEqual(vms.map(({ record }) => record.vm).sort());
});

test('of many processes that follow one task in its VM, exactly one does each time, unless the VM is ended meanwhile', async () => {
  await using folder = await makeTempFolder('races');
  const home = homeAt(folder.path);
  const vms = Array.from({ length: 20 }, () => warmVm());
  const keep = { pipeline: samplePipeline(), stage: 'build' };
  const [first, second, third] = [claimedVm({ keep }).claim, claimedVm({ keep }).claim, claimedVm().claim];
  for (const { record, ready } of vms) {
    await openFolder(home, record);
    await writeReady(home, record.vm, ready);
    await writeClaim(home, record.vm, first);
  }
  const won = (await together(
    folder.path,
    `
    const [first, second, third] = ${JSON.stringify([first, second, third])};
    const won = [];
    for (const [index, { record: { vm } }] of (await ledger.readStates(home)).entries()) {
      if (await ledger.writeNextClaim(home, vm, first.task, second)) won.push([vm, 2]);
      if (index % 2 === 0) await ledger.writeEnded(home, vm, 'over');
      if (await ledger.writeNextClaim(home, vm, second.task, third)) won.push([vm, 3]);
    }
    return won;
    `,
  )) as [string, number][][];
  for (const [index, { record, phase, ...state }] of (await readStates(home)).entries()) {
    const claims = won.flat().filter(([vm]) => vm === record.vm);
    expect(new Set(claims.map(String)).size).toBe(claims.length);
    const isEnded = index % 2 === 0;
    expect(phase).toBe(isEnded ? 'ending' : 'claimed');
    if (!isEnded) expect([claims.length, 'claim' in state && state.claim?.task]).toEqual([2, third.task]);
  }
});

test('VMs that several processes remove at once are gone, and no look at the ledger meanwhile fails', async () => {
  await using folder = await makeTempFolder('races');
  const home = homeAt(folder.path);
  for (let made = 0; made < 20; made++) await openFolder(home, warmVm().record);
  await together(
    folder.path,
    `
    for (const { record } of await ledger.readStates(home)) {
      await ledger.writeEnded(home, record.vm, 'over');
      await ledger.closeFolder(home, record.vm);
      await ledger.readStates(home);
    }
    return null;
    `,
  );
  expect(await readStates(home)).toEqual([]);
  expect(await strayFolders(home)).toEqual([]);
});
