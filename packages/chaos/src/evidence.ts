/** All that is known when a run is over: what was asked, what was done, what the streams and the consoles have. */
import type { Deed } from './disturber.ts';
import type { PipelineSubmission, Submission } from './submitter.ts';
import type { Start } from './watch-consoles.ts';
import type { StreamContents } from './watch-streams.ts';

export interface Evidence {
  /** Of tasks, those of stages among them. */
  readonly submissions: readonly Submission[];
  readonly pipelines: readonly PipelineSubmission[];
  readonly deeds: readonly Deed[];
  readonly streams: StreamContents;
  readonly starts: readonly Start[];
  /** Machines whose console was seen. */
  readonly watched: ReadonlySet<string>;
}

export const promises = [
  'nothing accepted is lost',
  'no task is made twice',
  'one terminal event',
  'nothing after the end',
  'the right outcome',
  'stages in their order',
  'one start per attempt and step',
  'output without gap or repeat',
  'every VM is said to be gone, once',
  'nothing leaks',
  'quiet in the end',
] as const;
export type Promised = (typeof promises)[number];

/** A promise that was not kept. */
export interface Broken {
  readonly promise: Promised;
  readonly what: string;
}
