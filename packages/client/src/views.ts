/** What is read, by the names that the API gives it. */
import type { AuditEntryView as SentAuditEntry } from '@vm-task/api/audit';
import type { DeadLetterView as SentDeadLetter } from '@vm-task/api/dead-letters';
import type { MessageView as SentMessage } from '@vm-task/api/inbox';
import type {
  PipelineView as SentPipeline,
  PipelineSummary as SentPipelineSummary,
  RunView as SentRun,
  StageView as SentStage,
} from '@vm-task/api/pipelines';
import type { EventView as SentEvent } from '@vm-task/api/task-output';
import type { TaskView as SentTask, TaskSummary as SentTaskSummary } from '@vm-task/api/tasks';
import type { TeamView as SentTeam } from '@vm-task/api/teams';
import type { TokenView as SentToken } from '@vm-task/api/tokens';
import type { Read } from './read.ts';

export type AuditEntryView = Read<SentAuditEntry>;
export type DeadLetterView = Read<SentDeadLetter>;
export type EventView = Read<SentEvent>;
export type MessageView = Read<SentMessage>;
export type PipelineSummary = Read<SentPipelineSummary>;
export type PipelineView = Read<SentPipeline>;
export type RunView = Read<SentRun>;

import type { SecretView as SentSecret } from '@vm-task/api/secrets';
export type SecretView = Read<SentSecret>;
export type StageView = Read<SentStage>;
export type TaskSummary = Read<SentTaskSummary>;
export type TaskView = Read<SentTask>;
export type TeamView = Read<SentTeam>;
export type TokenView = Read<SentToken>;
export type { NewToken } from './tokens.ts';
