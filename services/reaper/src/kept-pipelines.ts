/** The pipelines that the log still has. What their stages left behind is kept for as long as they are. */
import type { Head } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { isPipelineEvent } from '@vm-task/shared/subjects';

interface Kept {
  /** The pipeline whose recorded results are this one's, too. */
  readonly resumed: PipelineId | null;
  readonly endedMs: number | null;
}

/** Fed with the events in their order. */
export class KeptPipelines {
  readonly #known = new Map<PipelineId, Kept>();

  take(event: Head): void {
    if (!isPipelineEvent(event)) return;
    const { pipeline } = event.data;
    // Its beginning may be one that cannot be read.
    const known = this.#known.get(pipeline) ?? { resumed: null, endedMs: null };
    const resumed = event.type === 'pipeline.created' ? (event.data.resumed?.from ?? null) : known.resumed;
    const endedMs = event.type === 'pipeline.completed' ? event.time.getTime() : known.endedMs;
    this.#known.set(pipeline, { resumed, endedMs });
  }

  /** All whose tasks somebody may still ask for: those that are known, and those that a known one resumes. */
  all(): ReadonlySet<PipelineId> {
    return new Set([...this.#known.keys(), ...this.#resumed()]);
  }

  /** At most `limit` pipelines that ended before that time and that none of the others resumes. */
  endedBefore(timeMs: number, limit: number): PipelineId[] {
    const resumed = this.#resumed();
    const isOver = ([pipeline, { endedMs }]: [PipelineId, Kept]) =>
      endedMs !== null && endedMs < timeMs && !resumed.has(pipeline);
    const over = [...this.#known].filter(isOver);
    return over.slice(0, limit).map(([pipeline]) => pipeline);
  }

  /** The pipeline was purged: its tasks are kept for nobody else. */
  forget(pipeline: PipelineId): void {
    this.#known.delete(pipeline);
  }

  #resumed(): Set<PipelineId> {
    return new Set([...this.#known.values()].flatMap(({ resumed }) => resumed ?? []));
  }
}
