/** What the runner asks of the machine that an attempt has: over SSH in earnest, of nothing at all in a benchmark. */
import { readFile } from 'node:fs/promises';
import {
  type ArtifactFile,
  type ArtifactReport,
  type ArtifactRequest,
  collectArtifacts,
} from '@vm-task/guest/artifacts';
import { type Completion, completeJob } from '@vm-task/guest/complete-job';
import { connect, type GuestConnection } from '@vm-task/guest/connect';
import type { Job, JobEvent, JobKey, JobStatus } from '@vm-task/guest/job';
import { type PlacingRequest, placeFiles } from '@vm-task/guest/place-files';
import { type FollowOptions, runJob } from '@vm-task/guest/run-job';
import { jobStatus, stopJob } from '@vm-task/guest/stop-job';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import { IdleConnections } from './idle-connections.ts';
import type { WarmConnections } from './warm-connections.ts';

export interface Guest extends AsyncDisposable {
  /** Starts the job, or goes on with the one of its name (I8). */
  run(job: Job, options: FollowOptions): AsyncGenerator<JobEvent, void>;
  stop(key: JobKey, options: { readonly graceMs: number; readonly signal: AbortSignal }): Promise<void>;
  status(key: JobKey, options: { readonly signal: AbortSignal }): Promise<JobStatus>;
  /** Sets the job's result while it runs, once. */
  complete(
    job: JobKey,
    completion: Completion,
    options: { readonly signal: AbortSignal },
  ): ReturnType<typeof completeJob>;
  collect(request: ArtifactRequest, sink: (file: ArtifactFile) => Promise<void>): Promise<ArtifactReport>;
  /** The absolute path of the folder that has the files. */
  place(request: PlacingRequest): Promise<string>;
}

/** The end of a task is stored and its VM ended within tenths of a second. */
const lingerMs = 2_000;

/** One connection to the machine of `vm.ready`. @throws as `connect` of the guest package, and `vm-lost`. */
export type ConnectGuest = (ready: EventData<'vm.ready'>, signal: AbortSignal) => Promise<Guest>;

/** Connections that are there already. */
export interface Connections {
  /** To machines that stay, between two tasks. */
  readonly idle: IdleConnections;
  /** To warm VMs; a hint. */
  readonly warm: Pick<WarmConnections, 'take'>;
}

/** For whoever has none ahead. */
export function noConnections(): Connections {
  return { idle: new IdleConnections(), warm: { take: () => null } };
}

/** Connects with the key that lies in the VM's folder, where there is no connection yet; no folder means no VM. */
export function connectBySsh(home: Home, { idle, warm }: Connections, drivers: Drivers): ConnectGuest {
  return async ({ vm, access, driver }, signal) => {
    const privateKey = await readFile(home.vm(vm).sshKey, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new VmTaskError('vm-lost', `${vm} has no login key on this host any more: ${error.message}`, {
        cause: error,
      });
    });
    const stays = drivers.capabilitiesOf(driver)?.clones === false;
    const connection =
      warm.take(vm) ?? idle.take(access) ?? (await connect(access, { privateKey, signal, isClone: !stays }));
    return {
      run: (job, options) => runJob(connection, job, options),
      stop: (key, options) => stopJob(connection, key, options),
      status: (key, options) => jobStatus(connection, key, options),
      complete: (job, completion, options) => completeJob(connection, job, completion, options),
      collect: (request, sink) => collectArtifacts(connection, request, sink),
      place: (request) => placeFiles(connection, request),
      [Symbol.asyncDispose]: async () => (stays ? await idle.put(connection) : endWithVm(connection)),
    };
  };
}

/**
 * A clone goes in a moment, and its connections with it: to end them in it first would be work for it, which the next one
 * waits for. Where it is kept for another task, the connection is closed after that moment.
 */
function endWithVm(connection: GuestConnection): void {
  void connection.endedWithin(lingerMs).then(() => connection[Symbol.asyncDispose]());
}
