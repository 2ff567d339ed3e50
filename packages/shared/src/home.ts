/**
 * Where everything is. One *home* (`$VM_TASK_HOME`) holds all state of one system; one *cache* (`$VM_TASK_CACHE`)
 * holds only what can be made again, keyed by what it is made of, and is shared by all homes of a user.
 * Both are on one filesystem, because a home holds what it uses of the cache by hard links.
 */
import { join } from 'node:path';
import type { VmId } from './ids.ts';

export interface Home {
  readonly root: string;
  /** `vm-task.yaml`: pools and limits; absent means the defaults. */
  readonly config: string;
  /** `{id}`: which host this is, in events and ledgers. Made at the first start. */
  readonly host: string;
  /** Names of images that this home knows: `images/<name>@<version>/`. */
  readonly images: string;
  /** The ledger: one folder per VM. */
  readonly vms: string;
  /** Capacity: one file per VM that may exist at once, made with O_EXCL. */
  readonly slots: string;
  /** One file per secret, 0600, written by the operator. */
  readonly secrets: string;
  /** Passwords and tokens of this system, 0600, generated at the first start. */
  readonly credentials: string;
  /** The private key with which this host opens the secrets that are encrypted for it. */
  readonly secretsKey: string;
  /** The private key with which this home signs its images. */
  readonly imagesKey: string;
  /** What HTTP shows where the home's own authority has signed it: a certificate and its key, 0600. */
  readonly httpCertificate: string;
  readonly nats: string;
  /** Process ids and addresses of what is running. */
  readonly run: string;
  /** Where intake answers the command line: no other user of this machine can be there. */
  readonly httpSocket: string;
  readonly logs: string;
  readonly projection: string;
  /** Where a reader of the log stands: `<reader>.json`. What is lost of it is read again. */
  readonly checkpoints: string;
  secret(name: string): string;
  vm(id: VmId): VmFolder;
}

/** One VM's folder. Which files are there *is* the VM's state: record, then ready, then claim, then ended. */
export interface VmFolder {
  readonly root: string;
  /** The intent, on disk before the VM's first resource; removed last. */
  readonly record: string;
  /** Written once the VM has proved its own identity: address and host key. */
  readonly ready: string;
  /** Linked in by whoever takes the VM for a task, from 1 on; a second link is refused by the filesystem. */
  readonly claim: (number: number) => string;
  /** Why the VM was ended, written before its removal starts. */
  readonly ended: string;
  /** What could not be removed, and when that is tried again; written when a removal came to nothing. */
  readonly quarantine: string;
  /** The private key that this VM alone accepts, 0600. */
  readonly sshKey: string;
  /** What the guest printed on its serial console, up to a limit: for whoever looks for a cause. */
  readonly consoleLog: string;
  /** What QEMU itself said. */
  readonly qemuLog: string;
  /** What QEMU itself may touch: its working directory, owned by the slot's uid, 0700. */
  readonly run: string;
}

export interface Cache {
  readonly root: string;
  readonly images: string;
  readonly snapshots: string;
  readonly toolchain: string;
}

export function homeAt(root: string): Home {
  return Object.freeze({
    root,
    config: join(root, 'vm-task.yaml'),
    host: join(root, 'host.json'),
    images: join(root, 'images'),
    vms: join(root, 'vms'),
    slots: join(root, 'slots'),
    secrets: join(root, 'secrets'),
    credentials: join(root, 'credentials'),
    secretsKey: join(root, 'credentials', 'secrets-key'),
    imagesKey: join(root, 'credentials', 'images-key'),
    httpCertificate: join(root, 'credentials', 'http-certificate.pem'),
    nats: join(root, 'nats'),
    run: join(root, 'run'),
    httpSocket: join(root, 'run', 'http.sock'),
    logs: join(root, 'logs'),
    projection: join(root, 'intake', 'projection.sqlite'),
    checkpoints: join(root, 'checkpoints'),
    secret: (name: string) => join(root, 'secrets', name),
    vm: (id: VmId) => vmFolderAt(join(root, 'vms', id)),
  });
}

function vmFolderAt(root: string): VmFolder {
  return Object.freeze({
    root,
    record: join(root, 'vm.json'),
    ready: join(root, 'ready.json'),
    claim: (number: number) => join(root, number === 1 ? 'claim.json' : `claim-${number}.json`),
    ended: join(root, 'ended.json'),
    quarantine: join(root, 'quarantine.json'),
    sshKey: join(root, 'ssh_key'),
    consoleLog: join(root, 'console.log'),
    qemuLog: join(root, 'qemu.log'),
    run: join(root, 'run'),
  });
}

export function cacheAt(root: string): Cache {
  return Object.freeze({
    root,
    images: join(root, 'images'),
    snapshots: join(root, 'snapshots'),
    toolchain: join(root, 'toolchain'),
  });
}
