/** The grammar of what a machine answers about a job, as states: what may come in each, and what then. */
import { bare, type Expected, type FrameShape, sentence, withBytes } from './frames.ts';
import { resultMaxBytes } from './job.ts';

/** As much as the supervisor reads at a time. */
const output: FrameShape = { numbers: 1, minBytes: 1, maxBytes: 64 * 1024 };
const tail = withBytes(64 * 1024, 1);
/** A byte more than a result may have tells one that is too large. */
const result = withBytes(resultMaxBytes + 1);
/** A few numbers, and of a program that could not be executed 300 bytes of why. */
export const record = withBytes(1_024);
/** A unix socket's path has no more. */
const path = withBytes(107, 1);

export type AnswerState = 'socket' | 'start' | 'output' | 'tails' | 'result' | 'end' | 'over';

interface State {
  readonly frames: Expected;
  /** What is due is waited for so long; output may take any time. */
  readonly isDue: boolean;
  readonly next: (kind: string) => AnswerState;
}

const states: Readonly<Record<AnswerState, State>> = {
  /** Asked for a socket. */
  socket: { frames: { api: path, noapi: sentence }, isDue: true, next: () => 'start' },
  start: { frames: { started: bare, attached: bare }, isDue: true, next: () => 'output' },
  output: {
    frames: {
      stdout: output,
      stderr: output,
      lost: sentence,
      tailstdout: tail,
      tailstderr: tail,
      result,
      notwritten: bare,
      end: record,
    },
    isDue: false,
    next: behindOutput,
  },
  tails: { frames: { tailstderr: tail, result, notwritten: bare, end: record }, isDue: true, next: behindOutput },
  result: { frames: { result, notwritten: bare, end: record }, isDue: true, next: behindOutput },
  end: { frames: { end: record }, isDue: true, next: () => 'over' },
  over: { frames: {}, isDue: true, next: () => 'over' },
};

function behindOutput(kind: string): AnswerState {
  switch (kind) {
    case 'stdout':
    case 'stderr':
      return 'output';
    case 'tailstdout':
      return 'tails';
    case 'tailstderr':
      return 'result';
    case 'result':
    case 'notwritten':
      return 'end';
    default:
      return 'over';
  }
}

export function answerState(state: AnswerState): State {
  return states[state];
}
