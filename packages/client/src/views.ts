/** The JSON of the HTTP API, as intake gives it and `--json` prints it. */
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { Outcome } from '@vm-task/shared/events';
import type { Json } from '@vm-task/shared/json';
import type { ProgressView } from '@vm-task/shared/progress';
import type { LogStream } from '@vm-task/shared/subjects';

export type TaskStatus = 'queued' | 'starting' | 'setup' | 'running' | 'retrying' | 'cancelling' | 'completed';

export interface TaskSummary {
  readonly id: string;
  readonly status: TaskStatus;
  readonly outcome: Outcome | null;
  readonly exitCode: number | null;
  readonly result: Json;
  readonly error: ErrorInfo | null;
  readonly pool: string;
  readonly image: string;
  readonly vm: string | null;
  readonly createdAt: string;
  readonly completedAt: string | null;
}

/** What somebody is asked, while nobody has answered. */
export interface Question {
  readonly text: string;
  readonly until: string;
}

export interface TaskView extends TaskSummary {
  readonly question: Question | null;
  readonly attempts: readonly {
    readonly number: number;
    readonly vm: string | null;
    readonly startedAt: string | null;
    readonly endedAt: string | null;
    readonly exitCode: number | null;
    readonly error: ErrorInfo | null;
  }[];
  /** What its process says while it runs. */
  readonly progress: ProgressView | null;
  readonly timings: Readonly<Record<'queuedMs' | 'vmReadyMs' | 'setupMs' | 'runMs' | 'totalMs', number | null>>;
}

export interface Page {
  readonly tasks: readonly TaskSummary[];
  readonly next: string | null;
}

export interface EventLine {
  readonly seq: number;
  readonly type: string;
  readonly time: string;
  readonly subject: string;
  readonly data: Record<string, unknown>;
}

export interface LogLine {
  readonly attempt: number;
  readonly stream: LogStream;
  readonly offset: number;
  /** Base64. */
  readonly data: string;
}

export interface PoolView {
  readonly name: string;
  readonly driver: string;
  readonly image: string;
  readonly max: number;
  readonly warm: number;
  readonly tasks: Readonly<Record<string, number>>;
}

export interface DeadLetterSummary {
  readonly seq: number;
  readonly buriedAt: string;
  readonly consumer: string;
  readonly reason: string;
  readonly subject: string;
  readonly stream: string;
  readonly originalSeq: number;
  readonly publishedAt: string;
  readonly traceparent: string | null;
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetterSummary[];
  readonly next: number | null;
}

export interface DeadLetterView extends DeadLetterSummary {
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly data: string | null;
}

export interface PipelineSummary {
  readonly id: string;
  readonly name: string;
  readonly status: 'running' | 'cancelling' | 'completed';
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | null;
  readonly error: ErrorInfo | null;
  readonly resumedFrom: string | null;
  readonly progress: Readonly<Record<string, number>>;
  readonly createdAt: string;
  readonly completedAt: string | null;
}

export interface PipelinePage {
  readonly pipelines: readonly PipelineSummary[];
  readonly next: number | null;
}

export interface RunView {
  readonly index: number;
  readonly item: Json;
  readonly task: TaskSummary | null;
  readonly question: Question | null;
  readonly durationMs: number | null;
  readonly progress: ProgressView | null;
  readonly recorded: boolean;
  readonly error: ErrorInfo | null;
}

export interface StageView {
  readonly name: string;
  readonly kind: 'task' | 'external' | 'approval';
  readonly needs: readonly string[];
  readonly onFailure: boolean;
  readonly standing: 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped';
  readonly reason: string | null;
  readonly error: ErrorInfo | null;
  readonly runs: readonly RunView[];
}

export interface PipelineView extends PipelineSummary {
  readonly description: string;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly stages: readonly StageView[];
}
