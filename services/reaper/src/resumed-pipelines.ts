/** Which pipelines resume which: the recorded results of one that is resumed are asked for as long as they are there. */
import type { Head } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { factsOfSubject } from '@vm-task/shared/subjects';

/** Fed with the events in their order. It may have some that are no longer there. */
export class ResumedPipelines {
  readonly #resumedBy: Map<PipelineId, PipelineId>;

  /** Those that may resume any, because something of them could not be read. */
  readonly #unknown = new Set<PipelineId>();

  constructor(all: readonly (readonly [by: PipelineId, resumed: PipelineId])[] = []) {
    this.#resumedBy = new Map(all);
  }

  take(event: Head): void {
    const about = event.type === 'unknown' ? factsOfSubject(event.subject)?.about : undefined;
    if (about !== undefined && 'pipeline' in about) this.#unknown.add(about.pipeline);
    if (event.type !== 'pipeline.created') return;
    const { pipeline, resumed } = event.data;
    if (resumed !== null) this.#resumedBy.set(pipeline, resumed.from);
  }

  /** Those that resume the pipeline, and those that may. */
  by(pipeline: PipelineId): PipelineId[] {
    const known = this.all().flatMap(([by, resumed]) => (resumed === pipeline ? [by] : []));
    return [...known, ...this.#unknown].filter((by) => by !== pipeline);
  }

  forget(pipeline: PipelineId): void {
    this.#resumedBy.delete(pipeline);
    this.#unknown.delete(pipeline);
  }

  all(): (readonly [by: PipelineId, resumed: PipelineId])[] {
    return [...this.#resumedBy];
  }
}
