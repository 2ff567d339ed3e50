/** How a process has ended, in words. */
import type { ErrorInfo } from './errors.ts';

/** As an exit status says it: the code, or the signal that ended the process. */
export interface ExitStatus {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** What a sentence goes on with behind the process: `exited with 3`, `was ended by SIGKILL`. */
export function exitText({ exitCode, signal }: ExitStatus): string {
  return signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`;
}

/** A process that failed by its own account has no error in the task's ending: its exit status says it all. */
export function processFailed(status: ExitStatus): ErrorInfo {
  return { code: 'process-failed', message: `the process ${exitText(status)}` };
}
