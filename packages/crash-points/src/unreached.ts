/** Effects in the code that no scenario reaches, but for those that none has to: each with its reason. */
import type { Place } from './code/instrument.ts';
import { type Point, placeOf } from './point.ts';
import { standInFiles } from './system/machines.ts';

/** Places by the beginning of their names. */
const exempt: Readonly<Record<string, string>> = {
  'hypervisor/images/': 'images are made before any task, by renaming a finished folder into the cache',
  'hypervisor/snapshots/boot:': 'snapshots are made before any task, as images are',
  'hypervisor/snapshots/ensure-snapshot:': 'likewise',
  'hypervisor/snapshots/seed:': 'likewise',
  'hypervisor/snapshots/snapshot-store:removeFolder.': 'only a cache that has too many loses some',
  'hypervisor/host/uids:':
    "root's business, and no scenario has machines with users; uids.int.test.ts has races and deaths",
  'hypervisor/run-tool:': 'tools that make images, and the locks under which they are made',
  'hypervisor/drivers/qemu/accelerator:': 'asked once of a host, in a folder of the question alone',
  'hypervisor/drivers/qemu/jail/':
    'needs a host with namespaces, and its guest is not of this host; the e2e tests have both',
  'hypervisor/drivers/ssh/':
    'named machines: no scenario has one; killed with a VM in use in test/e2e/named-vms.e2e.test.ts',
  'hypervisor/ledger/claims:linkClaim.rm': 'a claim and an end within a millisecond: races.int.test.ts has them',
  'shared/make-folder:': 'the supervisor makes the folders of a home, before any service runs',
  'bus/provision:': 'the supervisor makes streams and durables, before any service runs',
  'hypervisor/host/host-id:': 'the name of the host, made once',
  'bus/pull:askFor.nak': 'a message within the milliseconds of a stop: work-stop.int.test.ts has one',
  'bus/quota-refusals:': 'no scenario has teams; every intake writes it again within a second',
  'bus/tokens:': 'only said by HTTP, each one conditional publish: whoever asks again is told what is there',
  'intake/projection/statement:inTransaction.exec-3': 'the rollback of a disk that is full',
  'runner/guest-api/messages:markRoute.publish':
    'only said by HTTP, and the same whenever it is said again: inbox tests of intake',
  'provisioner/progress-file:progressFiles.writeFileSync': 'told only while images and snapshots are made',
  'provisioner/progress-file:progressFiles.renameSync': 'likewise',
};

/** What only a machine with a clock and users of its own is given. */
const onlyReal: readonly string[] = ['hypervisor/host/own-folder:'];

/** Names of places, and of exemptions that nothing needs any more. */
export function unreachedOf(places: readonly Place[], points: readonly Point[], isReal: boolean): readonly string[] {
  const reached = new Set(points.map(placeOf));
  const exemptions = [...Object.keys(exempt), ...(isReal ? [] : onlyReal)];
  const exemptionsOf = (name: string) => exemptions.filter((beginning) => name.startsWith(beginning));
  const unreached = places.filter(({ name, file }) => {
    const isStoodInFor = !isReal && standInFiles.includes(file);
    return !reached.has(name) && !isStoodInFor && exemptionsOf(name).length === 0;
  });
  const needed = new Set(places.filter(({ name }) => !reached.has(name)).flatMap(({ name }) => exemptionsOf(name)));
  const idle = exemptions.filter((beginning) => !needed.has(beginning));
  return [...unreached.map(({ name }) => name), ...idle.map((beginning) => `nothing: ${beginning} needs no exemption`)];
}
