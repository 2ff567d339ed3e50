/** What can be said to `EVENTS`, and asked of it, without being a worker. */
import type { Draft, Head, HostToken } from '@vm-task/shared/events';
import type { PipelineKey, TaskKey } from '@vm-task/shared/subjects';
import type { Announce } from './announce.ts';
import type { Appended } from './append.ts';
import type { Connection } from './connection.ts';
import type { RawMessage } from './envelope.ts';
import type { FollowedFeatures } from './features.ts';
import type { Followed } from './follow.ts';

export interface EventLog {
  readonly connection: Connection;
  /** Whose services these are: a host's, or control's, which is `any`. What they say has this for its host. */
  readonly host: HostToken;
  /** Which additions to the events are on (`isOn`): who is to write one of a new type asks first. */
  readonly features: FollowedFeatures;
  /** Appends when the last event that counts for its task or pipeline is that of sequence `expectedSeq`; 0: there is none. */
  append(draft: Draft, expectedSeq: number, signal: AbortSignal): Promise<Appended>;
  /** Publishes what is about no task's course; waits until it is stored. `vm.gone` is stored once per VM, an alert `once` where asked for. */
  readonly announce: Announce;
  /** The last event that counts for a task or a pipeline, read through the stream's leader. */
  head(key: TaskKey | PipelineKey): Promise<Head | null>;
  /** What is stored under a sequence, or null. */
  messageAt(seq: number): Promise<RawMessage | null>;
  /** The broker's clock. */
  now(): Promise<Date>;
  follow(options: { filter: string; from: number | 'new'; signal: AbortSignal }): AsyncGenerator<Followed, void, void>;
}
