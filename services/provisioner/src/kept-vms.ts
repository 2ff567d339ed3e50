/**
 * VMs that wait for a later stage. That stage's task needs no room; but in a pool without any nobody pulls its message,
 * perhaps because of this very VM. So whoever has the VM looks for the task, too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { runThatWants } from '@vm-task/pipelines/decisions/kept-vms';
import type { PipelineId } from '@vm-task/shared/ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import { type ClaimsLeft, provideAndTell } from './abandoned-claims.ts';

export interface KeptVms extends ClaimsLeft {
  /** Reads on behind what is known. */
  readonly readPipeline: (pipeline: PipelineId, known: PipelineState | null) => Promise<PipelineState | null>;
}

/** As often as a task that waits for room looks for it. */
const lookEveryMs = 1_000;

/** Looks until `stop`. Right to do at once with anybody: the append is the same, and decides. */
export async function provideKeptVms(kept: KeptVms): Promise<void> {
  const { hypervisor, pool, stop, log } = kept;
  let known = new Map<PipelineId, PipelineState>();
  while (!stop.aborted) {
    try {
      const states = (await hypervisor.list()).filter(({ record }) => record.pool === pool);
      const seen = new Map<PipelineId, PipelineState>();
      for (const state of states) await look(kept, state, known, seen);
      known = seen;
    } catch (error) {
      if (stop.aborted) return;
      log.warn({ err: error }, 'kept VMs could not be looked after; trying again');
    }
    await delay(lookEveryMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function look(
  kept: KeptVms,
  state: VmState,
  known: ReadonlyMap<PipelineId, PipelineState>,
  seen: Map<PipelineId, PipelineState>,
): Promise<void> {
  if (state.phase !== 'claimed' || state.claim.keep === undefined) return;
  const { keep } = state.claim;
  const pipeline = await kept.readPipeline(keep.pipeline, known.get(keep.pipeline) ?? null);
  if (pipeline === null) return;
  seen.set(keep.pipeline, pipeline);
  const run = runThatWants(pipeline, keep);
  const head = run === null ? null : await kept.bus.head(run);
  if (head?.type !== 'task.created' || head.data.spec.leftVm?.vm !== state.record.vm) return;
  await provideAndTell(kept, head);
  kept.log.info({ task: head.data.task, vm: state.record.vm }, 'gave a stage its VM without being asked');
}
