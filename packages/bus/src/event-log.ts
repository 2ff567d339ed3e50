/** What can be said to `EVENTS`, and asked of it, without being a worker. */
import type { Draft, Stored } from '@vm-task/shared/events';
import type { PipelineKey, SpineKey } from '@vm-task/shared/subjects';
import type { Announce } from './announce.ts';
import type { Appended } from './append.ts';
import type { Connection } from './connection.ts';
import type { Followed } from './follow.ts';

export interface EventLog {
  readonly connection: Connection;
  /** Appends on the event's spine when its last sequence is `fence`; 0 begins the spine. */
  append(draft: Draft, fence: number, signal: AbortSignal): Promise<Appended>;
  /** Publishes what is on no spine; waits until it is stored. `vm.gone` is stored once per VM, an alert `once` where asked for. */
  readonly announce: Announce;
  /** The last event of a task's or a pipeline's spine, read through the stream's leader. */
  head(spine: SpineKey | PipelineKey): Promise<Stored | null>;
  /** One event by its sequence, or null. */
  eventAt(seq: number): Promise<Stored | null>;
  /** The broker's clock. */
  now(): Promise<Date>;
  follow(options: {
    filters: readonly string[];
    from: number | 'new';
    signal: AbortSignal;
  }): AsyncGenerator<Followed, void, void>;
}
